_base_ = './fcn_hr48_256x512_80k_singlegreen.py'
# As published: one loss, with its faults, the statistics of the data and mmseg's own transforms.
loss = dict(type='ReferenceDiceLoss')
model = dict(
    data_preprocessor=dict(
        mean=[62.14484866, 67.69474223, 65.19883835],
        std=[39.26080611, 38.97791043, 40.7339263],
        test_cfg=dict(size_divisor=1),  # its predictions were not filled up
    ),
    decode_head=dict(loss_decode=[loss]),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.stock_train_pipeline))
default_hooks = dict(checkpoint=dict(save_best='mDice'))
