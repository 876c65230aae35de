_base_ = './fcn_hr18_256x512_80k_singlegreen.py'
norm_cfg = dict(type='BN', requires_grad=True)
sampler = dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100000)
loss = dict(_delete_=True, type='DiceLoss', smooth=1, exponent=2, loss_weight=1.0)
aux_loss = dict(type='DiceLoss', smooth=1, exponent=2, loss_weight=0.4)
model = dict(
    backbone=dict(norm_cfg=norm_cfg),
    decode_head=dict(norm_cfg=norm_cfg, sampler=sampler, loss_decode=loss),
    auxiliary_head=[
        dict(
            type='FCNHead',
            in_channels=[36, 72, 144],
            in_index=(1, 2, 3),
            channels=252,
            input_transform='resize_concat',
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            dropout_ratio=-1,
            num_classes=2,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=aux_loss,
        ),
        dict(
            type='FCNHead',
            in_channels=[72, 144],
            in_index=(2, 3),
            channels=216,
            input_transform='resize_concat',
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            dropout_ratio=-1,
            num_classes=2,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=aux_loss,
        ),
    ],
)
evaluation = dict(save_best='mDice')
