_base_ = [
    '_base_/models/fcn_hr18.py',
    '_base_/datasets/singlegreen.py',
    '_base_/default_runtime.py',
    '_base_/schedules/schedule_80k.py',
]
model = dict(decode_head=dict(loss_decode=dict(class_weight=[0.8, 1.2])))
evaluation = dict(save_best='IoU.green')
