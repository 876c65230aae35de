_base_ = './fcn_hr18s-v1_256x256_1000it_naip4.py'
# The same without near infrared, to see what it is worth.
bands = _base_.bands[:3]
model = dict(
    data_preprocessor=dict(mean=_base_.mean[:3], std=_base_.std[:3]),
    backbone=dict(bands=bands),
)
test_pipeline = [dict(_base_.test_pipeline[0], bands=bands), *_base_.test_pipeline[1:]]
train_dataloader = dict(dataset=dict(bands=bands))
val_dataloader = dict(dataset=dict(bands=bands))
test_dataloader = dict(dataset=dict(bands=bands))
