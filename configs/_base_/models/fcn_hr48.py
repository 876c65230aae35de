_base_ = './fcn_hr18.py'
channels = [48, 96, 192, 384]
model = dict(
    backbone=dict(arch='w48', init_cfg=dict(checkpoint='open-mmlab://msra/hrnetv2_w48')),
    decode_head=dict(in_channels=channels, channels=sum(channels)),
)
