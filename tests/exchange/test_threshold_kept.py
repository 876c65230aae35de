"""A stored threshold goes along with the weights that it was chosen for, and with no others."""

import pytest
import torch
from mmengine.config import Config
from mmseg.apis import init_model
from tool_support import REPO, run_here

from mmseg_aux_hrnet.weights import read_checkpoint

GREEN = REPO / 'configs/hrnet/fcn_hr18s-v1_256x256_1500it_singlegreen.py'
META = {'classes': ('background', 'green'), 'palette': [[0, 0, 0], [128, 0, 0]]}
HELD = {'class': 'green', 'value': 0.42}


@pytest.fixture(scope='module')
def thresholded(tmp_path_factory):
    model = init_model(str(GREEN), device='cpu')
    meta = {'dataset_meta': META, 'cfg': Config.fromfile(GREEN).pretty_text, 'threshold': HELD}
    path = tmp_path_factory.mktemp('work') / 'thresholded.pth'
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, path)
    return path


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_converting_keeps_it(thresholded, tmp_path, suffix):
    assert run_here('convert_checkpoint', thresholded, tmp_path / f'b{suffix}', '--config', GREEN) == 0
    assert read_checkpoint(tmp_path / f'b{suffix}')['meta']['threshold'] == HELD


def test_a_new_classifier_has_none(thresholded, tmp_path, capsys):
    target = tmp_path / 'b.pth'
    assert run_here('convert_checkpoint', thresholded, target, '--config', GREEN, '--reset-classifier') == 0
    assert 'threshold' not in read_checkpoint(target)['meta']
    assert 'threshold of ' in capsys.readouterr().out


def test_publishing_keeps_it(thresholded, tmp_path):
    assert run_here('publish_checkpoint', thresholded, tmp_path) == 0
    (path,) = tmp_path.glob('*.pth')
    assert read_checkpoint(path)['meta']['threshold'] == HELD


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_it_is_set_in_either_format(thresholded, tmp_path, suffix):
    source, target = tmp_path / f'b{suffix}', tmp_path / f'c{suffix}'
    assert run_here('convert_checkpoint', thresholded, source, '--config', GREEN) == 0
    assert run_here('set_threshold', source, target, '--threshold', '0.7', '--class', 'background') == 0
    before, after = read_checkpoint(source), read_checkpoint(target)
    assert after['meta'] == {**before['meta'], 'threshold': {'class': 'background', 'value': 0.7}}
    assert all(torch.equal(after['state_dict'][key], value) for key, value in before['state_dict'].items())
