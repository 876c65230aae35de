"""Every way by which somebody's config, command or script reaches the package."""

import subprocess
import sys
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from PIL import Image
from tool_support import REPO, run_here

import mmseg_aux_hrnet
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run.config import load_config
from mmseg_aux_hrnet.weights import read_checkpoint

pytestmark = pytest.mark.stack

MMSEG = Path(mmseg.__file__).parent / '.mim'
LEAF = 'hrnet/fcn_aux-hr18s-v1_256x256_1500it_singlegreen.py'
# A config of another project: mmseg's own model and data set, with three of our classes put in by name.
FOREIGN = """
{custom_imports}
_base_ = [{mmseg!r} + '/configs/_base_/models/fcn_hr18.py', {mmseg!r} + '/configs/_base_/default_runtime.py']
data_root = {root!r}
norm_cfg = dict(type='BN', requires_grad=True)
channels = [16, 32, 64, 128]
loss = dict(_delete_=True, type='{prefix}MaskedDiceLoss')
data_preprocessor = dict(size=(64, 64))
model = dict(
    data_preprocessor=data_preprocessor,
    pretrained=None,
    backbone=dict(_delete_=True, type='{prefix}HRNetV2', arch='w18_small_v1', norm_cfg=norm_cfg),
    decode_head=dict(in_channels=channels, channels=240, num_classes=2, norm_cfg=norm_cfg, loss_decode=loss),
    auxiliary_head=dict(
        type='{prefix}AuxFCNHead', in_channels=channels[1:], in_index=[1, 2, 3], num_classes=2, norm_cfg=norm_cfg,
        loss_decode=dict(type='{prefix}MaskedCrossEntropyLoss', loss_weight=0.4),
    ),
)
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
crop = dict(type='RandomCrop', crop_size=(64, 64))
data = dict(
    type='BaseSegDataset',
    data_root=data_root,
    data_prefix=dict(img_path='rawdata/train', seg_map_path='labeldata/train'),
    img_suffix='.png',
    metainfo=dict(classes=('other', 'green'), palette=[[0, 0, 0], [128, 0, 0]]),
    pipeline=[*test_pipeline[:2], crop, test_pipeline[2]],
)
train_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler'), dataset=data)
test_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data, pipeline=test_pipeline),
)
val_dataloader = test_dataloader
val_evaluator = test_evaluator = dict(type='{prefix}ConfusionMetric')
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2, save_best='mIoU'),
    logger=dict(type='LoggerHook', interval=1),
)
"""
# A config that only says whose leaf it is, and trains it for two iterations.
LEAF_USER = """
_base_ = {base}
data = dict(data_root={root!r})
model = dict(data_preprocessor=dict(size=(64, 64)))
crop = dict(type='RandomCrop', crop_size=(64, 64))
train_pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), crop, dict(type='PackSegInputs')]
short = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
off = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(batch_size=2, dataset=dict(data, pipeline=train_pipeline), **off)
val_dataloader = dict(dataset=dict(data, pipeline=short), **off)
test_dataloader = val_dataloader
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
"""
# What a script of another project does after training: nothing in it names the package.
SCRIPT = """
import runpy, sys, warnings
warnings.simplefilter('ignore')
tool, config, work_dir, image = sys.argv[1:]
assert 'mmseg_aux_hrnet' not in sys.modules
from mmseg.apis import MMSegInferencer, inference_model, init_model
model = init_model(config, work_dir + '/iter_2.pth', device='cpu')
print('heads', type(model.auxiliary_head).__module__)
prediction = inference_model(model, image).pred_sem_seg.data
inferencer = MMSegInferencer(model=config, weights=work_dir + '/iter_2.pth', device='cpu')
print('equal', bool((inferencer(image, return_datasamples=True).pred_sem_seg.data == prediction).all()))
sys.argv = [tool, config, '--work-dir', work_dir, '--resume', '--cfg-options', 'train_cfg.max_iters=4']
runpy.run_path(tool, run_name='__main__')
"""


def run(*command, cwd):
    """Run in a process of its own, where nothing of ours is imported before the config is read."""
    process = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True, encoding='utf-8', timeout=300
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert 'Could not safely load' not in process.stdout + process.stderr
    return process.stdout


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(REPO))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')


def foreign(folder, root, *, prefixed):
    text = FOREIGN.format(
        custom_imports='' if prefixed else "custom_imports = dict(imports=['mmseg_aux_hrnet'])",
        prefix='mmseg_aux_hrnet.' if prefixed else '',
        mmseg=MMSEG.as_posix(),
        root=root.as_posix(),
    )
    (folder / 'mine.py').write_text(text, encoding='utf-8', newline='\n')
    return folder / 'mine.py'


def leaf_user(folder, root, base):
    (folder / 'mine.py').write_text(LEAF_USER.format(base=base, root=root.as_posix()), encoding='utf-8', newline='\n')
    return folder / 'mine.py'


@pytest.mark.slow  # processes that import everything, one after another
@pytest.mark.parametrize('prefixed', [False, True], ids=['custom_imports', 'prefixed'])
def test_another_projects_config_trains_predicts_and_resumes(green_root, tmp_path, prefixed):
    config = foreign(tmp_path, green_root, prefixed=prefixed)
    tool, work_dir = MMSEG / 'tools/train.py', tmp_path / 'work'
    output = run(tool, config, '--work-dir', work_dir, cwd=tmp_path)
    assert 'aux.loss_ce' in output
    image = green_root / 'rawdata/test/test_0.png'
    output = run('-c', SCRIPT, tool, config, work_dir, image, cwd=tmp_path)
    assert 'heads mmseg_aux_hrnet.models.decode_heads.aux_fcn_head' in output
    assert 'equal True' in output
    assert 'resumed epoch: 0, iter: 2' in output
    assert (work_dir / 'iter_4.pth').is_file()


@pytest.mark.slow  # a process that imports everything
def test_mmsegs_train_takes_a_leaf_by_path(green_root, tmp_path):
    config = leaf_user(tmp_path, green_root, f"__import__('mmseg_aux_hrnet').config({LEAF!r})")
    run(MMSEG / 'tools/train.py', config, '--work-dir', tmp_path / 'work', cwd=tmp_path)
    assert read_checkpoint(tmp_path / 'work/iter_2.pth')['meta']['iter'] == 2


def test_our_train_takes_bases_of_mmseg(green_root, tmp_path):
    config = foreign(tmp_path, green_root, prefixed=True)
    text = config.read_text(encoding='utf-8').replace(f"{MMSEG.as_posix()!r} + '/configs/", "'mmseg::")
    config.write_text(text, encoding='utf-8', newline='\n')
    assert 'mmseg::_base_/models/fcn_hr18.py' in text
    assert run_here('train', config, '--work-dir', tmp_path / 'work', '--seed', 0) == 0
    assert read_checkpoint(tmp_path / 'work/iter_2.pth')['meta']['iter'] == 2


@pytest.fixture(params=['leaf', 'dumped'])
def model(request, tmp_path):
    config = Config.fromfile(mmseg_aux_hrnet.config(LEAF))
    config.dump(tmp_path / 'dumped.py')  # as a work dir has it
    torch.manual_seed(0)
    return init_model(config if request.param == 'leaf' else str(tmp_path / 'dumped.py'), device='cpu')


def test_paths_and_arrays_in_any_order(model, green_root):
    path = str(green_root / 'rawdata/test/test_0.png')
    array = np.asarray(Image.open(path))[..., ::-1]
    first = inference_model(model, path).seg_logits.data
    for image in (array, path, [array, path], path):
        results = inference_model(model, image)
        for result in results if isinstance(results, list) else [results]:
            if isinstance(results, list):  # sums of a batch may round otherwise
                torch.testing.assert_close(result.seg_logits.data, first, rtol=1e-5, atol=1e-6)
            else:
                assert torch.equal(result.seg_logits.data, first)


def test_config_is_an_absolute_path():
    path = Path(mmseg_aux_hrnet.config(LEAF))
    assert path.is_absolute()
    assert path.resolve() == REPO / 'configs' / LEAF


def test_unknown_config_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=f'is not a config of mmseg_aux_hrnet: the nearest is {LEAF}'):
        mmseg_aux_hrnet.config(LEAF.replace('hr18s', 'hrs18'))


def test_tools_take_a_config_by_scope():
    config = load_config(f'mmseg_aux_hrnet::{LEAF}')
    assert config.model.backbone.arch == 'w18_small_v1'
    with pytest.raises(ConfigError, match='nearest'):
        load_config('mmseg_aux_hrnet::hrnet/other.py')
