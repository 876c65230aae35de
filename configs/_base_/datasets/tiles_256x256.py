# Classes, bands, mean and standard deviation are those of dataset.json in the data root, which tools/train.py fills in.
dataset_type = 'TileDataset'
data_root = 'data/tiles'
crop_size = (256, 256)
train_pipeline = [
    # The data set puts its strict LoadTile and LoadLabel in place of these two.
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomScaledCrop',
        ratio_range=(0.5, 2.0),  # of the tile's own size, and so of its ground sampling distance
        crop_size=crop_size,
        cat_max_ratio=0.75,  # crops of hardly more than one class teach little
        flip_prob=0.5,
        turns=True,  # from above no direction is the upper one
    ),
    # Strong changes of colour cost more than they bring in short trainings, see docs/recipe.md.
    dict(
        type='TablePhotoMetricDistortion',
        brightness_delta=16,
        contrast_range=(0.75, 1.25),
        saturation_range=(0.75, 1.25),
        hue_delta=9,
    ),
    dict(type='PackPlanes'),
]
test_pipeline = [
    # LoadArrayOrPath, under the name that mmseg's inference_model looks for.
    dict(type='LoadImageFromFile', _scope_='mmseg_aux_hrnet'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    # A resumed run goes on with the sample that would have come next, with any number of loader processes.
    sampler=dict(type='ExactInfiniteSampler', shuffle=True),
    dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,  # tiles may differ in size
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset_type, data_root=data_root, split='val', pipeline=test_pipeline, test_mode=True),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset_type, data_root=data_root, split='test', pipeline=test_pipeline, test_mode=True),
)
val_evaluator = dict(type='ConfusionMetric')
test_evaluator = val_evaluator
# Where no class is of interest, the mean over all classes stands for the figures of that class.
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='CurveHook', figures=('IoU.{class_of_interest}', 'F1.{class_of_interest}', 'OA')),
]
