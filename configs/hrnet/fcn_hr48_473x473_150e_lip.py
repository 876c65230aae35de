_base_ = [
    '../_base_/models/fcn_hr48.py',
    '../_base_/datasets/lip_473x473.py',
    '../_base_/schedules/schedule_150e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # All images have this size, 32 n + 25, in training and in testing: the network knows its stretched maps.
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size_divisor=1)),
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
tta_model = dict(swap_seg_labels=_base_.swap_seg_labels)
