_base_ = './fcn_hr48_512x1024_484e_cityscapes.py'
loss = dict(type='OHEMCrossEntropyLoss', thresh=0.9, min_kept=131072, class_weight=_base_.class_weight)
model = dict(decode_head=dict(loss_decode=[loss]))
