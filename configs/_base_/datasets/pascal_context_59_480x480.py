_base_ = './pascal_context_60_480x480.py'
dataset_type = 'PascalContextDataset59'  # mmseg's: the background is ignored, the other classes count from 0
num_classes = 59
train_dataloader = dict(dataset=dict(type=dataset_type))
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = dict(dataset=dict(type=dataset_type))
