"""Whole configs of 0.x: what they said is what the new ones say, and they build."""

import os
from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.migrate import migrate_file

pytestmark = pytest.mark.stack
OLD = Path(__file__).parent / 'configs_0x'
GREEN_MEAN = [62.14484866, 67.69474223, 65.19883835]


@pytest.fixture(scope='module')
def migrated(tmp_path_factory):
    """Every config of the folder as one of 1.x, with its report, by the first word of its name."""
    folder = tmp_path_factory.mktemp('new')
    results = {}
    for old in sorted(OLD.glob('*.py')):
        report = migrate_file(old, folder / old.name, overwrite=False)
        results[old.stem.split('_')[0] + ('-aux' if 'aux' in old.stem else '')] = folder / old.name, report
    return results


def config(migrated, name):
    return Config.fromfile(migrated[name][0])


def notes(migrated, name, kind):
    return [note.place for note in migrated[name][1].notes if note.kind == kind]


def test_there_is_one_of_each_kind(migrated):
    assert sorted(migrated) == ['deeplabv3plus', 'fcn', 'fcn-aux', 'ocrnet', 'segformer', 'unet']


def test_aux_hrnet(migrated):
    new = config(migrated, 'fcn-aux')
    heads = [new.model.decode_head, *new.model.auxiliary_head]
    assert [(head.type, head.channels, head.loss_decode.type) for head in heads] == [
        ('FCNHead', channels, 'ReferenceDiceLoss') for channels in (270, 252, 216)
    ]
    assert [head.loss_decode.loss_weight for head in heads] == [1.0, 0.4, 0.4]
    assert not any('sampler' in head for head in heads)
    assert new.model.backbone.norm_cfg.type == 'BN'
    assert new.default_hooks.checkpoint.save_best == 'mDice'
    assert 'model.decode_head.sampler' in notes(migrated, 'fcn-aux', 'chosen')


def test_hrnet(migrated):
    new = config(migrated, 'fcn')
    assert new.model.backbone.init_cfg == dict(type='Pretrained', checkpoint='open-mmlab://msra/hrnetv2_w18')
    assert new.model.backbone.norm_cfg.type == new.model.decode_head.norm_cfg.type == 'SyncBN'
    loss = new.model.decode_head.loss_decode
    assert (loss.type, loss.class_weight, loss.loss_weight) == ('MaskedCrossEntropyLoss', [0.8, 1.2], 1.0)
    assert new.default_hooks.checkpoint == dict(
        type='WholeCheckpointHook', by_epoch=False, interval=4000, save_best='IoU.green', rule='greater'
    )
    assert new.train_cfg == dict(type='IterBasedTrainLoop', max_iters=80000, val_interval=4000)
    assert new.env_cfg.cudnn_benchmark is True


def test_data_of_the_reference(migrated):
    new = config(migrated, 'fcn')
    preprocessor = new.model.data_preprocessor
    assert (preprocessor.mean, preprocessor.size, preprocessor.bgr_to_rgb) == (GREEN_MEAN, (256, 512), True)
    assert (preprocessor.pad_val, preprocessor.seg_pad_val) == (0, 255)
    _, _, resize, crop, flip, distortion, _ = new.train_pipeline
    assert (resize.scale, resize.ratio_range, resize.keep_ratio) == ((512, 1024), (0.5, 2.0), True)
    assert (crop.crop_size, crop.cat_max_ratio, flip.prob) == ((256, 512), 0.75, 0.5)
    assert distortion.type == 'PhotoMetricDistortion'
    assert new.train_dataloader.dataset.data_prefix == dict(img_path='rawdata/train', seg_map_path='labeldata/train')
    assert new.test_dataloader.dataset.ann_file == 'splits/test.txt'
    assert (new.train_dataloader.batch_size, new.train_dataloader.num_workers) == (2, 2)
    assert new.test_pipeline == new.val_dataloader.dataset.pipeline


def test_ocrnet_with_folders_in_lists_views_and_half_precision(migrated):
    new = config(migrated, 'ocrnet')
    train = new.train_dataloader.dataset
    assert (train.type, train.times, train.dataset.type) == ('RepeatDataset', 10, 'ConcatDataset')
    assert [part.data_prefix.img_path for part in train.dataset.datasets] == ['images/north', 'images/south']
    leaf = new.test_dataloader.dataset
    assert (leaf.type, leaf.img_suffix, leaf.data_root) == ('BaseSegDataset', '.tif', 'data/buildings')
    assert leaf.metainfo.classes == ('background', 'building')
    losses = new.model.decode_head[1].loss_decode
    assert [(loss.type, loss.loss_weight) for loss in losses] == [
        ('OHEMCrossEntropyLoss', 1.0),
        ('ReferenceDiceLoss', 3.0),
    ]
    assert [step.scale for step in new.tta_pipeline[1].transforms[0]] == [(768, 768), (1024, 1024), (1280, 1280)]
    optimization = new.optim_wrapper
    assert (optimization.type, optimization.loss_scale, optimization.clip_grad.max_norm) == ('AmpOptimWrapper', 512, 35)
    assert [scheduler.type for scheduler in new.param_scheduler] == ['MmcvLR']
    assert (new.default_hooks.checkpoint.save_best, new.default_hooks.checkpoint.max_keep_ckpts) == ('OA', 2)


def test_unet_of_an_early_version(migrated):
    new = config(migrated, 'unet')
    assert new.model.test_cfg == dict(mode='slide', crop_size=(64, 64), stride=(42, 42))
    assert new.train_cfg.max_iters == 40000
    assert new.train_dataloader.dataset.times == 40000
    assert new.train_dataloader.dataset.dataset.type == 'DRIVEDataset'
    assert new.default_hooks.checkpoint.get('save_best') is None
    assert 'init_cfg' not in new.model.backbone


def test_deeplab_in_epochs(migrated):
    new = config(migrated, 'deeplabv3plus')
    assert new.train_cfg == dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=2)
    assert new.default_hooks.checkpoint.by_epoch is True
    assert new.default_hooks.checkpoint.save_best == 'F1.green'
    assert [scheduler.type for scheduler in new.param_scheduler] == ['ConstantLR', 'MultiStepLR']
    assert new.model.decode_head.sampler == dict(type='OHEMPixelSampler', min_kept=20000)
    assert new.custom_hooks[-1] == dict(type='EMAHook', momentum=0.0002)
    assert new.author == 'somebody'
    dropped = notes(migrated, 'deeplabv3plus', 'dropped')
    assert dropped == ['log_config.PaviLoggerHook', 'custom_hooks', 'custom_imports']
    assert 'author' in notes(migrated, 'deeplabv3plus', 'kept')


def test_segformer(migrated):
    new = config(migrated, 'segformer')
    assert new.optim_wrapper.paramwise_cfg.custom_keys.head == dict(lr_mult=10.0)
    assert new.optim_wrapper.optimizer.type == 'AdamW'
    assert (new.train_cfg.max_iters, new.train_cfg.val_begin) == (160000, 32000)
    assert (new.load_from, new.resume) == ('work_dirs/segformer/iter_32000.pth', False)
    assert new.randomness == dict(seed=7)
    assert notes(migrated, 'segformer', 'dropped') == ['model.backbone.pretrain_style']


def test_the_file_tells_what_was_chosen(migrated):
    path, report = migrated['fcn-aux']
    comments = [line for line in path.read_text(encoding='utf-8').splitlines() if line.startswith('#')]
    told = ' '.join(line.removeprefix('#').strip() for line in comments)
    assert 'fcn_aux-hr18_256x512_80k_singlegreen.py' in comments[0]
    assert any(line.startswith('- ') for line in report.lines())
    assert all(line in told for line in report.lines())


def refused(old, new, message, *, overwrite=False):
    with pytest.raises(ConfigError, match=message) as caught:
        migrate_file(old, new, overwrite=overwrite)
    assert '\n' not in str(caught.value)


def test_targets_that_cannot_be_are_refused(tmp_path):
    old = OLD / 'unet_64x64_40k_drive.py'
    (tmp_path / 'there.py').write_text('mine')
    (tmp_path / 'folder.py').mkdir()
    (tmp_path / 'file').touch()
    refused(old, tmp_path / 'there.py', 'there.py exists: name another file, or replace it with --overwrite')
    refused(old, tmp_path / 'folder.py', 'folder.py is a folder', overwrite=True)
    refused(old, tmp_path / 'new.yaml', 'let it end in .py')
    refused(old, old, 'is an input file', overwrite=True)
    refused(old, tmp_path / 'file' / 'new.py', 'cannot be written')
    assert (tmp_path / 'there.py').read_text() == 'mine'
    migrate_file(old, tmp_path / 'there.py', overwrite=True)
    assert Config.fromfile(tmp_path / 'there.py').model.backbone.type == 'UNet'


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    refused(OLD / 'unet_64x64_40k_drive.py', tmp_path / 'new.py', 'No space left on device')
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_1x_does_not_know_is_refused_and_nothing_written(tmp_path):
    text = f'_base_ = {str(OLD / "unet_64x64_40k_drive.py")!r}\nmodel = dict(backbone=dict(type="GreenNet"))\n'
    (tmp_path / 'old.py').write_text(text, encoding='utf-8')
    refused(tmp_path / 'old.py', tmp_path / 'new.py', 'model does not build in 1.x .KeyError.*GreenNet.*custom_imports')
    assert not (tmp_path / 'new.py').exists()
