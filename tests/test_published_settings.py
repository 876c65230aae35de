"""The published settings beside green space: their numbers, their label coding, and a few iterations of each."""

import numpy as np
import pytest
import torch
from layout_support import SIZE, label_of, write_cityscapes, write_lip, write_pascal_context
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from tool_support import REPO, run_here

from mmseg_aux_hrnet.run.testing_config import set_test_time_augmentation
from mmseg_aux_hrnet.weights import read_checkpoint

CONFIGS = REPO / 'configs' / 'hrnet'
CITYSCAPES = ('fcn_hr18s-v1', 'fcn_hr18s-v2', 'fcn_hr48')
LEAVES = {
    **{f'{model}_512x1024_484e_cityscapes': write_cityscapes for model in CITYSCAPES},
    'fcn_hr48_512x1024_484e_cityscapes-ohem': write_cityscapes,
    'fcn_hr48_480x480_200e_pascal-context-59': write_pascal_context,
    'fcn_hr48_480x480_200e_pascal-context-60': write_pascal_context,
    'fcn_hr48_473x473_150e_lip': write_lip,
}
CROP = (32, 32)


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def small(name, folder):
    """Write a leaf over the leaf ``name``: W18-Small-v1, crops of 32 pixels, batches of 2, one epoch."""
    config = load(name)
    pipeline = [dict(step) for step in config.train_pipeline]
    for step in pipeline:
        step.update({key: CROP for key in ('crop_size', 'size') if key in step})
        step.update({'scales': [(64, 64), (96, 96)]} if 'scales' in step else {})
        step.update({'scale': (64, 64)} if 'scale' in step else {})
    channels = [16, 32, 64, 128]
    changes = dict(
        model=dict(
            data_preprocessor=dict(size=CROP),
            backbone=dict(arch='w18_small_v1', init_cfg=None),
            decode_head=dict(in_channels=channels, channels=sum(channels)),
        ),
        train_dataloader=dict(batch_size=2, num_workers=0, dataset=dict(pipeline=pipeline)),
        val_dataloader=dict(num_workers=0),
        test_dataloader=dict(num_workers=0),
        train_cfg=dict(max_epochs=1, val_interval=1),
        default_hooks=dict(checkpoint=dict(interval=1), logger=dict(interval=1)),
        experiment_name=f'{name}_{folder.name}',
    )
    lines = [f'{key} = {value!r}' for key, value in changes.items()]
    path = folder / 'small.py'
    path.write_text('\n'.join([f'_base_ = {str(CONFIGS / f"{name}.py")!r}', *lines]), encoding='utf-8')
    return path


# One of each data set is enough for the fast tests.
FIRST = (
    'fcn_hr18s-v1_512x1024_484e_cityscapes',
    'fcn_hr48_480x480_200e_pascal-context-59',
    'fcn_hr48_473x473_150e_lip',
)
MARKED = [pytest.param(*leaf, marks=[pytest.mark.slow] * (leaf[0] not in FIRST)) for leaf in LEAVES.items()]


@pytest.mark.parametrize(('name', 'write'), MARKED, ids=LEAVES)
def test_leaf_trains_and_validates_on_the_true_layout(name, write, tmp_path):
    write(tmp_path / 'data')
    config = small(name, tmp_path)
    work_dir = tmp_path / 'work'
    assert run_here('train', config, '--data-root', tmp_path / 'data', '--work-dir', work_dir) == 0
    assert any(path.name.startswith('best_mIoU_epoch_1') for path in work_dir.iterdir())
    checkpoint = read_checkpoint(work_dir / 'epoch_1.pth')
    assert checkpoint['meta']['iter'] == 2  # 4 images in batches of 2
    assert len(checkpoint['meta']['dataset_meta']['classes']) == load(name).num_classes
    losses = checkpoint['message_hub']['log_scalars']['train/loss']
    assert np.isfinite(losses.data[0]).all()
    assert losses.data[0].min() > 0


def test_lip_is_tested_with_flip_as_in_the_official_command(tmp_path, capsys):
    name = 'fcn_hr48_473x473_150e_lip'
    write_lip(tmp_path / 'data')
    config = small(name, tmp_path)
    arguments = [str(config), str(tmp_path / 'none.pth'), '--data-root', str(tmp_path / 'data'), '--flip']
    model = MODELS.build(Config.fromfile(config).model)
    torch.save(model.state_dict(), tmp_path / 'none.pth')
    options = [
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        'test_dataloader.dataset.pipeline.1.scale=(32,32)',
    ]
    assert run_here('test', *arguments, *options) == 0
    assert 'mIoU' in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('fcn_hr18s-v1_512x1024_484e_cityscapes', {*range(19), 255}),
        ('fcn_hr48_480x480_200e_pascal-context-60', {*range(0, 60, 3), 1, 59}),
        ('fcn_hr48_480x480_200e_pascal-context-59', {*(value - 1 for value in range(3, 60, 3)), 0, 58, 255}),
        ('fcn_hr48_473x473_150e_lip', {*range(20)}),
    ],
)
def test_labels_are_read_as_the_data_set_codes_them(name, expected, tmp_path):
    LEAVES[name](tmp_path)
    dataset = dict(load(name).val_dataloader.dataset, data_root=str(tmp_path))
    label = DATASETS.build(dataset)[0]['data_samples'].gt_sem_seg.data
    assert set(label.unique().tolist()) == expected
    assert tuple(label.shape[1:]) == SIZE  # figures are those of the image's own size


@pytest.mark.parametrize(
    ('name', 'scales', 'crop', 'batch', 'epochs', 'lr', 'decay'),
    [
        *((f'{m}_512x1024_484e_cityscapes', (17, 1024, 4301), (512, 1024), 3, 484, 0.01, 5e-4) for m in CITYSCAPES),
        ('fcn_hr48_512x1024_484e_cityscapes-ohem', (17, 1024, 4301), (512, 1024), 3, 484, 0.01, 5e-4),
        ('fcn_hr48_480x480_200e_pascal-context-59', (17, 260, 1092), (480, 480), 4, 200, 0.004, 1e-4),
        ('fcn_hr48_480x480_200e_pascal-context-60', (17, 260, 1092), (480, 480), 4, 200, 0.004, 1e-4),
        ('fcn_hr48_473x473_150e_lip', (12, 237, 757), (473, 473), 10, 150, 0.007, 5e-4),
    ],
)
def test_settings_are_those_of_the_official_code(name, scales, crop, batch, epochs, lr, decay):
    config = load(name)
    [resize] = [step for step in config.train_pipeline if step.type == 'RandomScaledCrop']
    assert (len(resize.scales), resize.scales[0][0], resize.scales[-1][0]) == scales
    assert config.model.data_preprocessor.size == crop
    assert config.train_dataloader.batch_size == batch  # on each of 4 GPUs
    assert (config.train_cfg.max_epochs, config.param_scheduler[0].end) == (epochs, epochs)
    assert (config.optim_wrapper.optimizer.lr, config.optim_wrapper.optimizer.weight_decay) == (lr, decay)
    assert {config.model.backbone.norm_cfg.momentum, config.model.decode_head.norm_cfg.momentum} == {0.01}


@pytest.mark.parametrize('name', ['fcn_hr48_480x480_200e_pascal-context-59', 'fcn_hr48_473x473_150e_lip'])
def test_small_images_are_padded_with_black_and_ignored_pixels(name, tmp_path):
    LEAVES[name](tmp_path)
    config = load(name)
    [resize] = [step for step in config.train_pipeline if step.type == 'RandomScaledCrop']
    resize.scales = resize.scales[:1]  # the smallest, half the base size: below the crop
    dataset = dict(config.train_dataloader.dataset, data_root=str(tmp_path), pipeline=config.train_pipeline)
    sample = DATASETS.build(dataset)[0]
    label = sample['data_samples'].gt_sem_seg.data[0]
    assert tuple(label.shape) == config.crop_size
    assert (label[-1] == 255).all()
    assert (sample['inputs'][:, -1] == 0).all()


def test_cityscapes_losses_weigh_the_classes():
    plain, hard = (
        load(f'fcn_hr48_512x1024_484e_cityscapes{end}').model.decode_head.loss_decode for end in ('', '-ohem')
    )
    assert [loss.type for loss in (*plain, *hard)] == ['MaskedCrossEntropyLoss', 'OHEMCrossEntropyLoss']
    assert (hard[0].thresh, hard[0].min_kept) == (0.9, 131072)
    assert plain[0].class_weight == hard[0].class_weight
    assert len(plain[0].class_weight) == 19
    assert (min(plain[0].class_weight), max(plain[0].class_weight)) == (0.8373, 1.1529)  # road, motorcycle


def test_lip_exchanges_left_and_right_in_training_and_testing():
    config = load('fcn_hr48_473x473_150e_lip')
    classes = DATASETS.get('LIPDataset').METAINFO['classes']
    pairs = [(classes[left], classes[right]) for left, right in config.swap_seg_labels]
    assert pairs == [(f'Left-{part}', f'Right-{part}') for part in ('arm', 'leg', 'shoe')]
    [flip] = [step for step in config.train_pipeline if step.type == 'RandomFlip']
    sample = dict(img=np.zeros((*SIZE, 3)), gt_seg_map=label_of(range(20)), seg_fields=['gt_seg_map'])
    results = TRANSFORMS.build({**flip, 'prob': 1.0})(sample)
    swapped = [*range(14), 15, 14, 17, 16, 19, 18]
    assert (results['gt_seg_map'] == label_of(swapped)[:, ::-1]).all()
    set_test_time_augmentation(config, scales=(1.0,), flip=True)
    assert config.model.swap_seg_labels == config.swap_seg_labels


def test_cityscapes_without_converted_labels_is_refused_in_one_line(tmp_path, capsys):
    write_cityscapes(tmp_path / 'data')
    for label in (tmp_path / 'data' / 'gtFine' / 'train').rglob('*_labelTrainIds.png'):
        label.rename(label.with_name(label.name.replace('TrainIds', 'Ids')))  # as the download comes
    config = small('fcn_hr18s-v1_512x1024_484e_cityscapes', tmp_path)
    arguments = ['--data-root', str(tmp_path / 'data'), '--work-dir', str(tmp_path / 'work')]
    assert run_here('train', config, *arguments) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert '4 of 8 files missing' in line
    assert 'aachen_000000_000019_gtFine_labelTrainIds.png' in line
