optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005),
)
max_epochs = 20
# By epochs in the config, but set anew at each iteration, as the official HRNet code does.
param_scheduler = [
    dict(type='PolyLR', eta_min=0.0, power=0.9, begin=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=True)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The rule is said because mmengine knows none for metrics such as IoU.green; save_best stands in each leaf.
    checkpoint=dict(type='WholeCheckpointHook', by_epoch=True, interval=1, max_keep_ckpts=3, rule='greater'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    interrupt=dict(type='InterruptHook'),
    exact_resume=dict(type='ExactResumeHook'),
    finite=dict(type='FiniteHook'),
    progress=dict(type='ProgressHook'),
    contact_sheet=dict(type='ContactSheetHook'),
)
