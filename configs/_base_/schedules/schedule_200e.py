_base_ = './schedule_20e.py'
max_epochs = 200  # the schedule of the official HRNet code for PASCAL-Context
optim_wrapper = dict(optimizer=dict(lr=0.004, weight_decay=0.0001))
param_scheduler = [dict(_base_.param_scheduler[0], end=max_epochs)]
train_cfg = dict(max_epochs=max_epochs, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=10))
