_base_ = [
    '../_base_/models/fcn_hr18s-v1.py',
    '../_base_/datasets/singlegreen_256x512.py',
    '../_base_/schedules/schedule_adamw_1500it.py',
    '../_base_/default_runtime.py',
]
crop_size = (256, 256)
model = dict(data_preprocessor=dict(size=crop_size))
# From above no direction is the upper one. Strong changes of colour cost more than they bring in trainings this short.
changes = dict(
    RandomScaledCrop=dict(crop_size=crop_size, turns=True),
    TablePhotoMetricDistortion=dict(
        brightness_delta=16, contrast_range=(0.75, 1.25), saturation_range=(0.75, 1.25), hue_delta=9
    ),
)
# mmengine merges dicts but replaces lists, so the list is made anew.
train_pipeline = [dict(transform, **changes.get(transform.type, {})) for transform in _base_.train_pipeline]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(save_best=f'IoU.{_base_.class_of_interest}'))
