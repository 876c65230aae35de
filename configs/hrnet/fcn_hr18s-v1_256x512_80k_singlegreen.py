_base_ = [
    '../_base_/models/fcn_hr18s-v1.py',
    '../_base_/datasets/singlegreen_256x512.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
default_hooks = dict(checkpoint=dict(save_best=f'IoU.{_base_.class_of_interest}'))
