dataset_type = 'SingleGreenDataset'
data_root = 'data/singlegreen'
class_of_interest = 'green'
crop_size = (256, 512)
image_scale = (1024, 512)
train_pipeline = [
    # The data set puts its strict LoadTile and LoadLabel in place of these two.
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomScaledCrop',
        scale=image_scale,
        ratio_range=(0.5, 2.0),
        crop_size=crop_size,
        cat_max_ratio=0.75,  # crops of hardly more than one class teach little
        flip_prob=0.5,
    ),
    dict(type='TablePhotoMetricDistortion'),
    dict(type='PackPlanes'),
]
# The same steps and random numbers by mmseg's own transforms, for the configs that reproduce the published training.
stock_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=image_scale, ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    # LoadArrayOrPath, under the name that mmseg's inference_model looks for.
    dict(type='LoadImageFromFile', _scope_='mmseg_aux_hrnet'),
    dict(type='Resize', scale=image_scale, keep_ratio=True),
    # After Resize: predictions are brought back to the size of the image and compared with the label as it is.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    # A resumed run goes on with the sample that would have come next, with any number of loader processes.
    sampler=dict(type='ExactInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='rawdata/train', seg_map_path='labeldata/train'),
        ann_file='splits/train.txt',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,  # images may differ in size
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='rawdata/val', seg_map_path='labeldata/val'),
        ann_file='splits/val.txt',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='rawdata/test', seg_map_path='labeldata/test'),
        ann_file='splits/test.txt',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='ConfusionMetric')
test_evaluator = val_evaluator
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='CurveHook', figures=(f'IoU.{class_of_interest}', f'F1.{class_of_interest}', 'OA')),
]
