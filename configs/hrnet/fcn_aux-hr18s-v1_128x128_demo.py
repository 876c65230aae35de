_base_ = [
    '../_base_/models/fcn_aux-hr18s-v1.py',
    '../_base_/datasets/singlegreen_256x512.py',
    '../_base_/schedules/schedule_80k.py',
    '../_base_/default_runtime.py',
]
max_iters = 400
crop_size = (128, 128)
model = dict(data_preprocessor=dict(size=crop_size))
# Scenes of 192 x 256 pixels are cut as they are: scaling them would only blur their pixels.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomFlip', prob=0.5, direction='vertical'),
    dict(type='PackSegInputs'),
]
test_pipeline = [step for step in _base_.test_pipeline if step.type != 'Resize']
data = dict(data_root='data/demo', pipeline=test_pipeline)
train_dataloader = dict(batch_size=8, dataset=dict(data_root='data/demo', pipeline=train_pipeline))
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
# AdamW learns something in 400 iterations from random weights. _delete_: it takes no momentum, as SGD does.
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=1e-4))
param_scheduler = [dict(_base_.param_scheduler[0], eta_min=0.0, end=max_iters)]
train_cfg = dict(max_iters=max_iters, val_interval=100)
default_hooks = dict(
    checkpoint=dict(interval=100, save_best=f'IoU.{_base_.class_of_interest}'),
    logger=dict(interval=20),
)
randomness = dict(seed=0)
