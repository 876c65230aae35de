dataset_type = 'CityscapesDataset'
data_root = 'data/cityscapes'
num_classes = 19
# Of the official HRNet code, in the order of the classes.
class_weight = [
    *(0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023),
    *(0.9539, 0.9843, 1.1116, 0.9037, 1.0865, 1.0955, 1.0865, 1.1529, 1.0507),
]
crop_size = (512, 1024)
base_size = 2048
window = (1024, 2048)  # an image of Cityscapes is one window; larger ones are cut into several
inference = dict(mode='slide', crop_size=window, stride=window)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomScaledCrop',
        # Factors 0.5 to 2.1 in steps of 0.1, rounded as the official HRNet code rounds them.
        scales=[(int(base_size * tenths / 10 + 0.5),) * 2 for tenths in range(5, 22)],
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
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # a rest of one or two images would make poor statistics of the batch norms
    sampler=dict(type='ExactSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ConfusionMetric')
test_evaluator = val_evaluator
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(type='DataFilesHook'),
    dict(type='CurveHook', figures=('mIoU', 'mAcc', 'OA')),
]
