_base_ = './fcn_hr18s-v1_1024x1024_20e_urbanisation.py'
model = dict(
    decode_head=dict(
        loss_decode=[dict(type='OHEMCrossEntropyLoss', thresh=0.9, min_kept=131072, class_weight=_base_.class_weight)]
    )
)
