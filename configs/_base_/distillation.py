distillation = [
    dict(type='PixelwiseDistillationLoss', loss_weight=10.0),
    dict(type='PairwiseDistillationLoss', node_size=32, loss_weight=10.0),
]
