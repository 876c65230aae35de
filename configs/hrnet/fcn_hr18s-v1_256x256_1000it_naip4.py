_base_ = [
    '../_base_/models/fcn_hr18s-v1.py',
    '../_base_/datasets/naip4_256x256.py',
    '../_base_/schedules/schedule_adamw_1500it.py',
    '../_base_/default_runtime.py',
]
max_iters = 1000
model = dict(
    data_preprocessor=dict(type='BandDataPreProcessor', mean=_base_.mean, std=_base_.std, size=_base_.crop_size),
    backbone=dict(bands=_base_.bands),
)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], end=max_iters)]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(checkpoint=dict(save_best=f'IoU.{_base_.class_of_interest}'))
randomness = dict(seed=0)
