# Data set of a class that nobody registered, half precision, folders in lists, tests at several scales.
_base_ = ['_base_/models/fcn_hr18.py', '_base_/default_runtime.py']
dataset_type = 'BuildingsDataset'
classes = ('background', 'building')
palette = [[0, 0, 0], [255, 255, 255]]
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
crop_size = (512, 512)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=[(1024, 1024), (1536, 1536), (2048, 2048)], multiscale_mode='value', keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', flip_ratio=0.5, direction='vertical'),
    dict(type='RandomRotate', prob=0.5, degree=20),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(1024, 1024),
        img_ratios=[0.75, 1.0, 1.25],
        flip=True,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img']),
        ],
    ),
]
part = dict(type=dataset_type, data_root='data\\buildings', classes=classes, palette=palette, img_suffix='.tif')
data = dict(
    samples_per_gpu=3,
    workers_per_gpu=4,
    train=dict(
        type='RepeatDataset',
        times=10,
        dataset=dict(
            img_dir=['images\\north', 'images\\south'],
            ann_dir=['labels\\north', 'labels\\south'],
            pipeline=train_pipeline,
            **part,
        ),
    ),
    val=dict(img_dir='images/west', ann_dir='labels/west', pipeline=test_pipeline, **part),
    test=dict(img_dir='images/west', ann_dir='labels/west', pipeline=test_pipeline, **part),
)
norm_cfg = dict(type='SyncBN', requires_grad=True)
channels = [18, 36, 72, 144]
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    decode_head=[
        dict(
            type='FCNHead',
            in_channels=channels,
            in_index=(0, 1, 2, 3),
            channels=sum(channels),
            input_transform='resize_concat',
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            dropout_ratio=-1,
            num_classes=2,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4),
        ),
        dict(
            type='OCRHead',
            in_channels=channels,
            in_index=(0, 1, 2, 3),
            channels=512,
            ocr_channels=256,
            input_transform='resize_concat',
            dropout_ratio=-1,
            num_classes=2,
            norm_cfg=norm_cfg,
            align_corners=False,
            sampler=dict(type='OHEMPixelSampler', thresh=0.9, min_kept=10000),
            loss_decode=[
                dict(type='CrossEntropyLoss', loss_name='loss_ce', loss_weight=1.0),
                dict(type='DiceLoss', loss_name='loss_dice', loss_weight=3.0),
            ],
        ),
    ],
)
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optimizer_config = dict(type='Fp16OptimizerHook', loss_scale=512.0, grad_clip=dict(max_norm=35, norm_type=2))
fp16 = dict()
lr_config = dict(
    policy='poly', power=0.9, min_lr=1e-4, by_epoch=False, warmup='linear', warmup_iters=1000, warmup_ratio=1e-3
)
runner = dict(type='IterBasedRunner', max_iters=160000)
checkpoint_config = dict(by_epoch=False, interval=16000, max_keep_ckpts=2)
evaluation = dict(interval=16000, metric='mIoU', save_best='aAcc')
