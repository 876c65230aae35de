_base_ = [
    '../_base_/models/fcn_aux-hr48.py',
    '../_base_/datasets/tiles_256x256.py',
    '../_base_/schedules/schedule_adamw_1500it.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
default_hooks = dict(checkpoint=dict(save_best='IoU.{class_of_interest}'))
