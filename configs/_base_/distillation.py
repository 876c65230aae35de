# The weights were chosen on the demo data, see configs/hrnet/README.md.
distillation = [
    dict(type='PixelwiseDistillationLoss'),
    dict(type='PairwiseDistillationLoss', node_size=32),  # image pixels; memory grows with its power of -4
    dict(type='ChannelwiseDistillationLoss', temperature=1.0, loss_weight=3.0),
]
