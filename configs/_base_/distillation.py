distillation = [
    dict(type='PixelwiseDistillationLoss'),
    dict(type='PairwiseDistillationLoss', node_size=32),
    dict(type='ChannelwiseDistillationLoss', temperature=1.0, loss_weight=3.0),
]
