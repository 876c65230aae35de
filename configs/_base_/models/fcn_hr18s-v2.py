_base_ = './fcn_hr18.py'
channels = [18, 36, 72, 144]
model = dict(
    backbone=dict(arch='w18_small_v2', init_cfg=dict(checkpoint='open-mmlab://msra/hrnetv2_w18_small')),
    decode_head=dict(in_channels=channels, channels=sum(channels)),
)
