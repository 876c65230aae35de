dataset_type = 'UrbanisationDataset'
data_root = 'data/urbanisation'
class_of_interest = 'building'
class_weight = [0.5, 2.0]  # buildings cover a small part of a tile
crop_size = (1024, 1024)
base_size = 2048
train_pipeline = [
    # The data set puts its strict LoadTile and LoadLabel in place of these two.
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomScaledCrop',
        # Factors 0.5 to 2.1 in steps of 0.1, as the official HRNet code draws them.
        scales=[(round(base_size * tenths / 10),) * 2 for tenths in range(5, 22)],
        crop_size=crop_size,
        flip_prob=0.5,
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
    batch_size=3,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,  # a rest of one or two images would make poor statistics of the batch norms
    # A resumed run goes on with the sample that would have come next, with any number of loader processes.
    sampler=dict(type='ExactSampler', shuffle=True),
    dataset=dict(type=dataset_type, data_root=data_root, ann_file='list/train.lst', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,  # images may differ in size
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, ann_file='list/val.lst', pipeline=test_pipeline, test_mode=True
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, ann_file='list/test.lst', pipeline=test_pipeline, test_mode=True
    ),
)
val_evaluator = dict(type='ConfusionMetric')
test_evaluator = val_evaluator
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='CurveHook', figures=(f'IoU.{class_of_interest}', f'F1.{class_of_interest}', 'OA')),
]
