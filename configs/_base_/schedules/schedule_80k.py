optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005),
)
max_iters = 80000
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=max_iters, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=4000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The rule is said because mmengine knows none for metrics such as IoU.green; save_best stands in each leaf.
    checkpoint=dict(type='WholeCheckpointHook', by_epoch=False, interval=4000, max_keep_ckpts=3, rule='greater'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    interrupt=dict(type='InterruptHook'),
    exact_resume=dict(type='ExactResumeHook'),
    finite=dict(type='FiniteHook'),
    progress=dict(type='ProgressHook'),
    contact_sheet=dict(type='ContactSheetHook'),
)
