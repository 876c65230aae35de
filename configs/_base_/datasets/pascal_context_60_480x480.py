dataset_type = 'PascalContextDataset'
data_root = 'data/VOCdevkit/VOC2010'
num_classes = 60
crop_size = (480, 480)
base_size = 520
inference = dict(mode='slide', crop_size=crop_size, stride=(320, 320))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomScaledCrop',
        scales=[(int(base_size * tenths / 10 + 0.5),) * 2 for tenths in range(5, 22)],
        crop_size=crop_size,
    ),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackPlanes'),
]
test_pipeline = [
    # LoadArrayOrPath, under the name that mmseg's inference_model looks for.
    dict(type='LoadImageFromFile', _scope_='mmseg_aux_hrnet'),
    dict(type='Resize', scale=(base_size, base_size), keep_ratio=True),
    # After Resize: predictions are brought back to the size of the image and compared with the label as it is.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
data_prefix = dict(img_path='JPEGImages', seg_map_path='SegmentationClassContext')
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # the few images of a rest would make poor statistics of the batch norms
    sampler=dict(type='ExactSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        ann_file='ImageSets/SegmentationContext/train.txt',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,  # images may differ in size
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=data_prefix,
        ann_file='ImageSets/SegmentationContext/val.txt',
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
