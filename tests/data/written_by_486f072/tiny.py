channels = [
    16,
    32,
    64,
    128,
]
class_of_interest = 'green'
crop_size = (
    128,
    128,
)
custom_hooks = [
    dict(type='ClassCountHook'),
    dict(figures=(
        'IoU.green',
        'F1.green',
        'OA',
    ), type='CurveHook'),
]
custom_imports = dict(imports=[
    'mmseg_aux_hrnet',
])
data_root = 'data/singlegreen'
dataset_type = 'SingleGreenDataset'
default_hooks = dict(
    checkpoint=dict(
        by_epoch=False,
        interval=40,
        max_keep_ckpts=3,
        rule='greater',
        save_best='IoU.green',
        type='WholeCheckpointHook'),
    contact_sheet=dict(type='ContactSheetHook'),
    exact_resume=dict(type='ExactResumeHook'),
    finite=dict(type='FiniteHook'),
    interrupt=dict(type='InterruptHook'),
    logger=dict(interval=20, log_metric_by_epoch=False, type='LoggerHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    progress=dict(type='ProgressHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    timer=dict(type='IterTimerHook'))
default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    dist_cfg=dict(backend='nccl', timeout=1800),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
image_scale = (
    1024,
    512,
)
load_from = None
log_level = 'INFO'
log_processor = dict(by_epoch=False)
losses = [
    dict(type='MaskedCrossEntropyLoss'),
    dict(type='MaskedDiceLoss'),
]
max_iters = 400
model = dict(
    auxiliary_head=[
        dict(
            in_channels=[
                8,
                4,
            ],
            in_index=[
                1,
                2,
            ],
            loss_decode=[
                dict(type='MaskedCrossEntropyLoss'),
                dict(type='MaskedDiceLoss'),
            ],
            norm_cfg=dict(requires_grad=True, type='BN'),
            num_classes=2,
            type='AuxFCNHead'),
    ],
    backbone=dict(
        base_channels=4,
        dec_dilations=(
            1,
            1,
        ),
        dec_num_convs=(
            1,
            1,
        ),
        downsamples=(
            True,
            True,
        ),
        enc_dilations=(
            1,
            1,
            1,
        ),
        enc_num_convs=(
            1,
            1,
            1,
        ),
        norm_cfg=dict(requires_grad=True, type='BN'),
        norm_eval=False,
        num_stages=3,
        strides=(
            1,
            1,
            1,
        ),
        type='UNet'),
    data_preprocessor=dict(
        bgr_to_rgb=True,
        mean=[
            123.675,
            116.28,
            103.53,
        ],
        pad_val=0,
        seg_pad_val=255,
        size=(
            64,
            64,
        ),
        std=[
            58.395,
            57.12,
            57.375,
        ],
        type='SegDataPreProcessor'),
    decode_head=dict(
        channels=28,
        concat_input=False,
        dropout_ratio=0.0,
        in_channels=[
            16,
            8,
            4,
        ],
        in_index=[
            0,
            1,
            2,
        ],
        input_transform='resize_concat',
        kernel_size=1,
        loss_decode=[
            dict(type='MaskedCrossEntropyLoss'),
            dict(type='MaskedDiceLoss'),
        ],
        norm_cfg=dict(requires_grad=True, type='BN'),
        num_classes=2,
        num_convs=1,
        out_channels=2,
        type='BranchwiseFCNHead'),
    test_cfg=dict(mode='whole'),
    train_cfg=dict(),
    type='EncoderDecoder')
optim_wrapper = dict(
    optimizer=dict(lr=0.02, type='AdamW', weight_decay=0.0001),
    type='OptimWrapper')
param_scheduler = [
    dict(
        begin=0,
        by_epoch=False,
        end=400,
        eta_min=0.0,
        power=0.9,
        type='PolyLR'),
]
randomness = dict(seed=0)
resume = False
test_cfg = dict(type='TestLoop')
test_dataloader = dict(
    batch_size=1,
    dataset=dict(
        ann_file='splits/test.txt',
        data_prefix=dict(
            img_path='rawdata/test', seg_map_path='labeldata/test'),
        data_root='data/demo',
        pipeline=[
            dict(_scope_='mmseg_aux_hrnet', type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
        test_mode=True,
        type='SingleGreenDataset'),
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'))
test_evaluator = dict(type='ConfusionMetric')
train_cfg = dict(max_iters=40, type='IterBasedTrainLoop', val_interval=40)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        ann_file='splits/train.txt',
        data_prefix=dict(
            img_path='rawdata/train', seg_map_path='labeldata/train'),
        data_root='data/demo',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(crop_size=(
                64,
                64,
            ), type='RandomCrop'),
            dict(prob=0.5, type='RandomFlip'),
            dict(direction='vertical', prob=0.5, type='RandomFlip'),
            dict(type='PackSegInputs'),
        ],
        type='SingleGreenDataset'),
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=True, type='ExactInfiniteSampler'))
tta_model = dict(type='ProbabilityTTAModel')
val_cfg = dict(type='ValLoop')
val_dataloader = dict(
    batch_size=1,
    dataset=dict(
        ann_file='splits/val.txt',
        data_prefix=dict(img_path='rawdata/val', seg_map_path='labeldata/val'),
        data_root='data/demo',
        pipeline=[
            dict(_scope_='mmseg_aux_hrnet', type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
        test_mode=True,
        type='SingleGreenDataset'),
    num_workers=0,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(type='ConfusionMetric')
vis_backends = [
    dict(type='LocalVisBackend'),
]
visualizer = dict(
    name='visualizer',
    type='SegLocalVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
    ])
