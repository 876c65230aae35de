_base_ = './schedule_80k.py'
max_iters, warm_up = 1500, 100
# _delete_: AdamW takes no momentum, as SGD does. It learns more than SGD in the few iterations that small data allow.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.02),
    # Decay would pull the scales of batch norms to zero, which the next convolution undoes.
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=warm_up, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-5, begin=warm_up, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=250)
default_hooks = dict(
    checkpoint=dict(interval=250),
    # Validated, saved and predicted with is a mean of the weights: over few iterations at first, when they still move
    # far, and from iteration 2,000 on over the last few hundred.
    ema=dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.005, gamma=10),
)
