# Counted in epochs, with steps, hooks of its own, and names of mmcv 1.x.
from mmcv import ConfigDict

_base_ = ['_base_/datasets/singlegreen.py', '_base_/default_runtime.py']
norm_cfg = ConfigDict(type='SyncBN', requires_grad=True)
loss = ConfigDict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)
model = dict(
    type='EncoderDecoder',
    pretrained='open-mmlab://resnet50_v1c',
    backbone=dict(
        type='ResNetV1c',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',
        contract_dilation=True,
    ),
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        in_channels=2048,
        in_index=3,
        channels=512,
        dilations=(1, 12, 24, 36),
        c1_in_channels=256,
        c1_channels=48,
        dropout_ratio=0.1,
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        sampler=dict(type='OHEMPixelSampler', min_kept=20000),
        loss_decode=loss,
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=2,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(loss, loss_weight=0.4),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
custom_imports = dict(imports=['mmseg.core.hooks.green_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='GreenHook', interval=5), dict(type='EMAHook', momentum=0.0002)]
optimizer = dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(grad_clip=dict(max_norm=10))
lr_config = dict(policy='step', step=[12, 18], warmup='constant', warmup_iters=100, warmup_ratio=0.1)
runner = dict(type='EpochBasedRunner', max_epochs=20)
checkpoint_config = dict(interval=1)
log_config = dict(hooks=[dict(type='TextLoggerHook'), dict(type='PaviLoggerHook')])
evaluation = dict(interval=2, metric='mIoU', save_best='Fscore.green')
author = 'somebody'
