_base_ = './fcn_hr18.py'
channels = [16, 32, 64, 128]
model = dict(
    # No public address has ImageNet weights of this variant; --pretrained takes the official file.
    backbone=dict(arch='w18_small_v1', init_cfg=None),
    decode_head=dict(in_channels=channels, channels=sum(channels)),
)
