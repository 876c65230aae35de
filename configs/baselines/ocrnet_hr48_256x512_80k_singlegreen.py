_base_ = './ocrnet_hr18_256x512_80k_singlegreen.py'
channels = [48, 96, 192, 384]
heads = [dict(head, in_channels=channels) for head in _base_.model.decode_head]
model = dict(
    pretrained='open-mmlab://msra/hrnetv2_w48',
    backbone=dict(extra={f'stage{n}': dict(num_channels=channels[:n]) for n in (2, 3, 4)}),
    decode_head=[dict(heads[0], channels=sum(channels)), heads[1]],
)
