channels = [18, 36, 72, 144]
# Cross entropy keeps a gradient in crops without any pixel of a class, where Dice has hardly any.
losses = [dict(type='MaskedCrossEntropyLoss'), dict(type='MaskedDiceLoss')]
model = dict(
    type='FilledEncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,  # loaders give blue, green, red; mean and std are ImageNet's, in the order red, green, blue
        pad_val=0,
        seg_pad_val=255,  # ignored
        test_cfg=dict(size_divisor=32),  # images are filled up to multiples for predictions, which are cut back
    ),
    backbone=dict(
        type='HRNetV2',
        arch='w18',
        norm_cfg=dict(type='BN', requires_grad=True),
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://msra/hrnetv2_w18'),
    ),
    decode_head=dict(
        type='BranchwiseFCNHead',
        in_channels=channels,
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=sum(channels),
        kernel_size=1,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.0,  # mmseg drops a tenth of the features where nothing is said
        num_classes=2,
        out_channels=2,  # 1 would be one channel with a sigmoid
        norm_cfg=dict(type='BN', requires_grad=True),
        loss_decode=losses,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
