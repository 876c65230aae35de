_base_ = [
    'mmseg::_base_/models/fcn_r50-d8.py',
    '../_base_/datasets/singlegreen_256x512.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
losses = [dict(type='MaskedCrossEntropyLoss'), dict(type='MaskedDiceLoss')]
aux_losses = [dict(loss, loss_weight=0.4) for loss in losses]
head = dict(num_classes=2, out_channels=2, norm_cfg=dict(type='BN'))
model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size_divisor=32)),
    backbone=dict(norm_cfg=dict(type='BN')),
    decode_head=dict(**head, loss_decode=losses),
    auxiliary_head=dict(**head, loss_decode=aux_losses),
)
default_hooks = dict(checkpoint=dict(save_best=f'IoU.{_base_.class_of_interest}'))
