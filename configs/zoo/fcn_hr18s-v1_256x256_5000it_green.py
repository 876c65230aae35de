_base_ = '../hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen-adamw.py'
data_root = 'data/zoo'  # benchmarks/zoo_data.py makes it
gsd, gsd_range = 0.3, (0.3, 0.6)  # metres per pixel: as the network sees images, and those of the data
max_iters = 5000
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-5, begin=100, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=2500)
listed = dict(_base_.train_dataloader.dataset, data_root=data_root, data_prefix=dict(img_path=None, seg_map_path=None))
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(listed, ann_file='splits/tv_others.lst'),
            # Dubai is a tenth of the tiles, and looks like none of the others.
            dict(type='RepeatDataset', times=5, dataset=dict(listed, ann_file='splits/tv_dubai.lst')),
        ],
    )
)
val_dataloader = dict(dataset=dict(data_root=data_root, ann_file='splits/val_green.txt'))
test_dataloader = dict(dataset=dict(data_root=data_root, ann_file='splits/test_green.txt'))
