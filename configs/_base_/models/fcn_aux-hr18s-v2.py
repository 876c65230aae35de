_base_ = './fcn_hr18s-v2.py'
model = dict(
    # The main decoder sees all four branches, the auxiliary ones those from the second and from the third on.
    auxiliary_head=[
        dict(
            type='AuxFCNHead',
            in_channels=_base_.channels[finest:],
            in_index=list(range(finest, 4)),
            num_classes=2,
            norm_cfg=dict(type='BN', requires_grad=True),
            loss_decode=_base_.losses,
        )
        for finest in (1, 2)
    ]
)
