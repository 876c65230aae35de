dataset_type = 'LIPDataset'
data_root = 'data/lip'
num_classes = 20
swap_seg_labels = [(14, 15), (16, 17), (18, 19)]  # left and right arm, leg and shoe change places in a mirror
crop_size = (473, 473)
base_size = 473
inference = dict(mode='whole')
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5, swap_seg_labels=swap_seg_labels),
    # Persons of any shape fill the square, as in the official HRNet code.
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    dict(
        type='RandomScaledCrop',
        scales=[(int(base_size * tenths / 10 + 0.5),) * 2 for tenths in range(5, 17)],
        crop_size=crop_size,
    ),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='PackPlanes'),
]
test_pipeline = [
    # LoadArrayOrPath, under the name that mmseg's inference_model looks for.
    dict(type='LoadImageFromFile', _scope_='mmseg_aux_hrnet'),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    # After Resize: predictions are brought back to the size of the image and compared with the label as it is.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=10,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # the few images of a rest would make poor statistics of the batch norms
    sampler=dict(type='ExactSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='TrainVal_images/train_images', seg_map_path='TrainVal_parsing_annotations/train_segmentations'
        ),
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
        data_prefix=dict(
            img_path='TrainVal_images/val_images', seg_map_path='TrainVal_parsing_annotations/val_segmentations'
        ),
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
