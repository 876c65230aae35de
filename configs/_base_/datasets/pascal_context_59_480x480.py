_base_ = './pascal_context_60_480x480.py'
dataset_type = 'PascalContextDataset59'
num_classes = 59
train_dataloader = dict(dataset=dict(type=dataset_type))
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = dict(dataset=dict(type=dataset_type))
