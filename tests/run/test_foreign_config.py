"""A config that somebody else wrote for SingleGreenDataset runs unchanged, without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.models.backbones import HRNet
from tests_support import write_green_root
from tool_support import REPO, run_here

from mmseg_aux_hrnet.run.config import adapt
from mmseg_aux_hrnet.weights import read_checkpoint

pytestmark = pytest.mark.stack
MMSEG = Path(mmseg.__file__).parent / '.mim/tools'
PUBLISHED = 'hrnetv2_w18_small-b5a04e21.pth'
FOREIGN = (Path(__file__).parent / 'foreign_config.py.txt').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with the config and VOC-like data: all images in one folder, all labels in another."""
    place = tmp_path_factory.mktemp('place')
    write_green_root(place / 'tree')
    for name, flat in (('rawdata', 'images'), ('labeldata', 'labels')):
        (place / 'voc' / flat).mkdir(parents=True)
        for path in (place / 'tree' / name).rglob('*.png'):
            shutil.copy(path, place / 'voc' / flat)
    shutil.copytree(place / 'tree/splits', place / 'voc/splits')
    (place / 'theirs.py').write_text(FOREIGN.replace('DATA_ROOT', (place / 'voc').as_posix()), encoding='utf-8')
    return place


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """No weights are in the cache, and no address answers."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    monkeypatch.setenv('https_proxy', 'http://127.0.0.1:9')
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    monkeypatch.setenv('PYTHONPATH', str(REPO))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')


@pytest.fixture(scope='module')
def work(place):
    """The work dir of a training that started from random weights."""
    options = ('--work-dir', place / 'work', '--pretrained', 'none', '--seed', 0)
    assert run_here('train', place / 'theirs.py', *options) == 0
    return place / 'work'


def test_it_trains(work):
    assert read_checkpoint(work / 'iter_2.pth')['meta']['iter'] == 2
    assert {key.split('.')[0] for key in read_checkpoint(work / 'iter_2.pth')['state_dict']} == {
        'backbone',
        'decode_head',
        'auxiliary_head',
    }
    assert len(list(work.glob('best_mIoU_iter_*.pth'))) == 1


def test_training_without_the_weights_it_names_says_so_on_one_line(place, capsys):
    assert run_here('train', place / 'theirs.py', '--work-dir', place / 'none') == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1
    assert PUBLISHED in lines[0]
    assert '--pretrained none' in lines[0]


def test_it_trains_unchanged_where_the_weights_are_in_the_cache(place, tmp_path, capsys):
    cache = tmp_path / 'hub/hub/checkpoints'
    cache.mkdir(parents=True)
    extra = Config.fromfile(place / 'theirs.py').model.backbone.extra
    torch.manual_seed(0)
    backbone = HRNet(extra=extra)
    torch.save({**backbone.state_dict(), 'classifier.weight': torch.zeros(2, 2)}, cache / PUBLISHED)
    assert run_here('train', place / 'theirs.py', '--work-dir', tmp_path / 'work') == 0
    weight = read_checkpoint(tmp_path / 'work/iter_2.pth')['state_dict']['backbone.conv1.weight']
    assert (weight - backbone.conv1.weight).abs().max() < 0.05  # two steps away


def test_it_is_tested_and_predicts(place, work, tmp_path, capsys):
    args = [place / 'theirs.py', work, '--work-dir', tmp_path / 'test', '--out', tmp_path / 'maps']
    assert run_here('test', *args, '--eval', 'mIoU', 'mDice') == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith('mIoU ')
    assert sorted(path.name for path in (tmp_path / 'maps').iterdir()) == ['test_0.png', 'test_1.png']
    assert run_here('test', *args[:4], '--scales', '0.5,1.0', '--flip') == 0


def test_its_model_is_made_without_network_and_weights(place, work):
    model = init_model(str(place / 'theirs.py'), str(work / 'iter_2.pth'), device='cpu')
    prediction = inference_model(model, str(place / 'voc/images/test_0.png')).pred_sem_seg.data
    assert prediction.shape == (1, 64, 96)
    assert init_model(str(place / 'theirs.py'), device='cpu').decode_head.num_classes == 2


def test_the_config_of_its_work_dir_can_be_read_again(work):
    assert Config.fromfile(work / 'theirs.py').experiment.notes == ['VOC', 'like']


@pytest.mark.slow  # two processes that import everything
def test_tools_of_mmseg_take_it(place, tmp_path):
    def run(name, *args):
        command = [sys.executable, str(MMSEG / name), *map(str, args)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding='utf-8', timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    run('train.py', place / 'theirs.py', '--work-dir', 'work', '--cfg-options', 'model.pretrained=None')
    assert 'mIoU' in run('test.py', place / 'theirs.py', 'work/iter_2.pth', '--work-dir', 'test')


def test_adapting_changes_paths_and_classes_only():
    parts = dict(data_root=Path('a/b'), ann_file='l\\t.txt', data_prefix=dict(img_path='i\\t', seg_map_path=None))
    config = Config(dict(Path=Path, here=[Path('x')], words='a\\b', loader=dict(dataset=dict(parts, pattern='c\\d'))))
    adapt(config)
    dataset = dict(data_root='a/b', ann_file='l/t.txt', data_prefix=dict(img_path='i/t', seg_map_path=None))
    assert config.to_dict() == dict(
        here=['x'], words='a\\b', loader=dict(dataset=dict(dataset, pattern='c\\d')), default_scope='mmseg'
    )
