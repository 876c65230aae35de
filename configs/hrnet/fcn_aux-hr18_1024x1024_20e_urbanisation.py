_base_ = [
    '../_base_/models/fcn_aux-hr18.py',
    '../_base_/datasets/urbanisation_1024x1024.py',
    '../_base_/schedules/schedule_20e.py',
    '../_base_/default_runtime.py',
]
loss = dict(type='MaskedCrossEntropyLoss', class_weight=_base_.class_weight)
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(loss_decode=[loss]),
    # mmengine merges dicts but replaces lists, so each head is given whole.
    auxiliary_head=[dict(head, loss_decode=[loss]) for head in _base_.model.auxiliary_head],
)
default_hooks = dict(checkpoint=dict(save_best=f'IoU.{_base_.class_of_interest}'))
