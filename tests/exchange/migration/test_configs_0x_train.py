"""Configs of 0.x, migrated, train for a few iterations on made-up data through the tools."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests_support import write_green_root
from tool_support import run_here

from mmseg_aux_hrnet.weights import read_checkpoint

OLD = Path(__file__).parent / 'configs_0x'
# The same experiment on tiles of 64x96: an old config over the old config.
SMALL = """
_base_ = {base!r}
crop_size = (64, 64)
scale = dict(img_scale=(96, 64))
sizes = dict(
    Resize=scale, MultiScaleFlipAug=scale, RandomCrop=dict(crop_size=crop_size), Pad=dict(size=crop_size)
)


def small(steps):
    return [dict(step, **sizes.get(step['type'], {{}})) for step in steps]


steps = small(_base_.train_pipeline)
part = dict(data_root={root!r}, pipeline=small(_base_.test_pipeline))
data = dict(samples_per_gpu=2, workers_per_gpu=0)
data['train'] = dict(part, pipeline=steps)
data['val'] = part
data['test'] = part
{length}
checkpoint_config = dict(interval=2)
evaluation = dict(interval=2, start=0)
log_config = dict(interval=1)
load_from = resume_from = None
"""
ITERATIONS = 'runner = dict(max_iters=2)'
EVERY = 'checkpoint_config = evaluation = dict(interval=1)\n'


@pytest.fixture(scope='module')
def green(tmp_path_factory):
    root = tmp_path_factory.mktemp('green')
    write_green_root(root)
    return root


def migrated(name, folder, root, *, length=ITERATIONS, more=''):
    text = SMALL.format(base=str(OLD / f'{name}.py'), root=root.as_posix(), length=length) + more
    (folder / 'old.py').write_text(text, encoding='utf-8')
    assert run_here('migrate_config', folder / 'old.py', folder / 'new.py') == 0
    return str(folder / 'new.py')


def trained(config, folder):
    options = [f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')]
    args = [config, '--work-dir', str(folder / 'work'), '--pretrained', 'none', '--seed', '0']
    assert run_here('train', *args, '--cfg-options', *options) == 0
    return folder / 'work'


@pytest.mark.parametrize(
    ('name', 'best'),
    [
        ('fcn_aux-hr18_256x512_80k_singlegreen', 'mDice'),
        ('fcn_hr18_256x512_80k_singlegreen', 'IoU.green'),
    ],
)
def test_iterations(name, best, green, tmp_path):
    work = trained(migrated(name, tmp_path, green), tmp_path)
    assert read_checkpoint(work / 'iter_2.pth')['meta']['iter'] == 2
    assert (work / 'training_curve.png').is_file()
    assert [path.name for path in work.glob('best_*')] == [f'best_{best}_iter_2.pth']


@pytest.mark.slow  # ResNet-50
def test_epochs(green, tmp_path):
    one = 'runner = dict(max_epochs=1)'
    config = migrated('deeplabv3plus_r50-d8_256x512_20e_singlegreen', tmp_path, green, length=one, more=EVERY)
    work = trained(config, tmp_path)
    assert read_checkpoint(work / 'epoch_1.pth')['meta']['iter'] == 2
    assert [path.name for path in work.glob('best_*')] == ['best_F1.green_epoch_1.pth']


@pytest.mark.slow  # SegFormer trains, and is tested in four views
def test_a_test_averages_over_scales_and_flips(green, tmp_path, capsys):
    config = migrated('segformer_mit-b0_256x512_160k_singlegreen', tmp_path, green)
    work = trained(config, tmp_path)
    capsys.readouterr()
    args = [config, str(work), '--work-dir', str(tmp_path / 'test'), '--scales', '0.5,1.0', '--flip']
    assert run_here('test', *args, '--cfg-options', 'test_dataloader.num_workers=0') == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith('mIoU ')


def draw(root, images, labels, *, image_end, label_end):
    """Write two tiles, right half of class 1, below two folders."""
    rng = np.random.default_rng(0)
    label = np.zeros((64, 96), np.uint8)
    label[:, 48:] = 1
    for folder in (images, labels):
        (root / folder).mkdir(parents=True)
    for name in ('a', 'b'):
        image = rng.integers(0, 256, (64, 96, 3)).astype(np.uint8)
        Image.fromarray(image).save(root / images / f'{name}{image_end}')
        Image.fromarray(label).save(root / labels / f'{name}{label_end}')


@pytest.mark.slow  # U-Net
def test_a_data_set_of_mmseg_repeated(tmp_path):
    for split in ('training', 'validation'):
        draw(tmp_path, f'images/{split}', f'annotations/{split}', image_end='.png', label_end='_manual1.png')
    nested = "data['train'] = dict(dataset=data['train'])\n"
    config = migrated('unet_64x64_40k_drive', tmp_path, tmp_path, length='total_iters = 2', more=nested)
    assert (trained(config, tmp_path) / 'iter_2.pth').is_file()


@pytest.mark.slow  # OCRNet
def test_folders_in_lists_and_unknown_classes(tmp_path):
    for place in ('north', 'south', 'west'):
        draw(tmp_path, f'images/{place}', f'labels/{place}', image_end='.tif', label_end='.png')
    more = """
data['train'] = dict(dataset=data['train'])
optimizer_config = dict(_delete_=True)
fp16 = None
"""
    config = migrated('ocrnet_hr18_512x512_160k_buildings', tmp_path, tmp_path, more=more)
    work = trained(config, tmp_path)
    assert [path.name for path in work.glob('best_*')] == ['best_OA_iter_2.pth']


def test_half_precision_without_a_gpu_is_refused_on_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('mmseg_aux_hrnet.run.training_config.get_device', lambda: 'cpu')
    for place in ('north', 'south', 'west'):
        draw(tmp_path, f'images/{place}', f'labels/{place}', image_end='.tif', label_end='.png')
    nested = "data['train'] = dict(dataset=data['train'])\n"
    config = migrated('ocrnet_hr18_512x512_160k_buildings', tmp_path, tmp_path, more=nested)
    capsys.readouterr()
    assert run_here('train', config, '--work-dir', tmp_path / 'w', '--pretrained', 'none') == 2
    assert capsys.readouterr().err.startswith('error: AmpOptimWrapper trains in half precision, which needs a GPU')
