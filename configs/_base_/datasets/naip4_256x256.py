dataset_type = 'SingleGreenDataset'
data_root = 'data/naip4'
class_of_interest = 'green'
# The network sees the bands in this order; files have them in any, and are searched by name.
bands = ['red', 'green', 'blue', 'nir']
mean = [117.32, 119.82, 113.48, 122.17]  # of the training tiles
std = [46.21, 40.14, 38.06, 42.68]
crop_size = image_scale = (256, 256)
train_pipeline = [
    # The data set puts its strict LoadTile and LoadLabel in place of these two, and tells LoadTile the bands.
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomScaledCrop',
        scale=image_scale,
        ratio_range=(0.75, 1.5),
        crop_size=crop_size,
        flip_prob=0.5,
        turns=True,  # from above no direction is the upper one
    ),
    dict(type='TablePhotoMetricDistortion'),
    dict(type='PackPlanes'),
]
measured_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmseg_aux_hrnet'),
    dict(type='Resize', scale=image_scale, keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# What mmseg's inference functions read images by.
test_pipeline = [dict(measured_pipeline[0], bands=bands), *measured_pipeline[1:]]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='ExactInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='rawdata/train', seg_map_path='labeldata/train'),
        ann_file='splits/train.txt',
        bands=bands,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='rawdata/val', seg_map_path='labeldata/val'),
        ann_file='splits/val.txt',
        bands=bands,
        pipeline=measured_pipeline,
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
        bands=bands,
        pipeline=measured_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='ConfusionMetric')
test_evaluator = val_evaluator
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='CurveHook', figures=(f'IoU.{class_of_interest}', f'F1.{class_of_interest}', 'OA')),
]
