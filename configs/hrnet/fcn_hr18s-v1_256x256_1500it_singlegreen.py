_base_ = [
    '../_base_/models/fcn_hr18s-v1.py',
    '../_base_/datasets/singlegreen_256x512.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
max_iters = 1500
crop_size = (256, 256)
model = dict(data_preprocessor=dict(size=crop_size))
# mmengine merges dicts but replaces lists, so the list is made anew.
train_pipeline = [
    dict(transform, crop_size=crop_size) if transform.type == 'RandomScaledCrop' else transform
    for transform in _base_.train_pipeline
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters)]
train_cfg = dict(max_iters=max_iters, val_interval=250)
default_hooks = dict(checkpoint=dict(interval=250, save_best=f'IoU.{_base_.class_of_interest}'))
