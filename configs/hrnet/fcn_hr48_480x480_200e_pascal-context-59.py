_base_ = [
    '../_base_/models/fcn_hr48.py',
    '../_base_/datasets/pascal_context_59_480x480.py',
    '../_base_/schedules/schedule_200e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(norm_cfg=dict(momentum=0.01)),  # of the official HRNet code; torch's own is 0.1
    decode_head=dict(
        num_classes=_base_.num_classes,
        out_channels=_base_.num_classes,
        norm_cfg=dict(momentum=0.01),
        loss_decode=[dict(type='MaskedCrossEntropyLoss')],
    ),
    test_cfg=_base_.inference,
)
default_hooks = dict(checkpoint=dict(save_best='mIoU'))
