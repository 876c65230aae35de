_base_ = [
    'mmseg::_base_/models/ocrnet_hr18.py',
    '../_base_/datasets/singlegreen_256x512.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
losses = [dict(type='MaskedCrossEntropyLoss'), dict(type='MaskedDiceLoss')]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size_divisor=32)),
    backbone=dict(norm_cfg=dict(type='BN')),
    decode_head=[
        dict(
            head,
            num_classes=2,
            out_channels=2,
            norm_cfg=dict(type='BN', requires_grad=True),
            loss_decode=[dict(loss, loss_weight=weight) for loss in losses],
        )
        for head, weight in zip(_base_.model.decode_head, (0.4, 1.0), strict=True)
    ],
)
default_hooks = dict(checkpoint=dict(save_best=f'IoU.{_base_.class_of_interest}'))
