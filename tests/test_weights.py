import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from torch import nn

from mmseg_aux_hrnet import weights
from mmseg_aux_hrnet.errors import CheckpointError

pytestmark = pytest.mark.stack


class Net(nn.Module):
    """Has the parts of a segmentor, small."""

    def __init__(self, width=3, auxiliary=True):
        super().__init__()
        self.backbone = nn.Linear(2, width)
        self.decode_head = nn.Linear(width, 2)
        if auxiliary:
            self.auxiliary_head = nn.ModuleList([nn.Linear(width, 2)])


class RunsCode:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_read_checkpoint_takes_what_mmengine_saves(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {'state_dict': Net().state_dict(), 'message_hub': {'loss': history, 'best': np.float32(3.5)}}
    torch.save(content, tmp_path / 'a.pth')
    hub = weights.read_checkpoint(tmp_path / 'a.pth')['message_hub']
    assert hub['loss'].mean() == 1.5
    assert hub['best'] == 3.5


def test_mmengine_loads_what_it_saved_safely(tmp_path, capsys):
    content = {'loss': HistoryBuffer([1.0, 2.0], [1, 1]), 'best': np.float32(3.5)}
    torch.save({'state_dict': {}, 'message_hub': content}, tmp_path / 'a.pth')
    for _ in range(2):  # again: a load may take entries off the list
        weights.read_checkpoint(tmp_path / 'a.pth')
        hub = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'))['message_hub']
        assert (hub['loss'].mean(), hub['best']) == (1.5, 3.5)
    assert 'Could not safely load' not in capsys.readouterr().out


@pytest.mark.parametrize('core', weights.NUMPY_CORES)
def test_checkpoints_of_either_numpy_are_read(tmp_path, core):
    torch.save({'best': np.float64(3.5)}, tmp_path / 'here.pth')
    with zipfile.ZipFile(tmp_path / 'here.pth') as here, zipfile.ZipFile(tmp_path / 'there.pth', 'w') as there:
        for name in here.namelist():
            there.writestr(name, re.sub(rb'numpy\._?core', core.encode(), here.read(name)))
    assert core.encode() + b'.multiarray' in (tmp_path / 'there.pth').read_bytes()
    assert weights.read_checkpoint(tmp_path / 'there.pth') == {'best': 3.5}


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    torch.save({'state_dict': {}, 'x': RunsCode(tmp_path / 'made')}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'a\.pth is refused.*mkdir'):
        weights.read_checkpoint(tmp_path / 'a.pth')
    assert not (tmp_path / 'made').exists()


class AsksForAttribute:
    """A pickle that fetches an attribute, as a first step to running code."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


def test_only_statistics_of_histories_can_be_fetched(tmp_path):
    torch.save({'x': AsksForAttribute()}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='__init__'):
        weights.read_checkpoint(tmp_path / 'a.pth')


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'not a file'), (b'', 'a.pth'), (b'PK\x03\x04 no archive', 'a.pth'), (pickle.dumps([1]), 'a.pth')],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        weights.read_checkpoint(tmp_path / 'a.pth')


def test_truncated_checkpoint_is_refused(tmp_path):
    torch.save(Net().state_dict(), tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match='a.pth'):
        weights.read_checkpoint(tmp_path / 'a.pth')


def saved(tmp_path, net, **content):
    torch.save({'state_dict': net.state_dict(), **content}, tmp_path / 'net.pth')
    return tmp_path / 'net.pth'


def test_load_model_weights_fills_and_returns_meta(tmp_path):
    source, target = Net(), Net()
    meta = weights.load_model_weights(target, saved(tmp_path, source, meta={'iter': 7}))
    assert meta == {'iter': 7}
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))


@pytest.mark.parametrize(('has', 'wants'), [(True, False), (False, True)])
def test_auxiliary_heads_may_be_missing_on_either_side(tmp_path, has, wants):
    source, target = Net(auxiliary=has), Net(auxiliary=wants)
    weights.load_model_weights(target, saved(tmp_path, source))
    assert torch.equal(source.decode_head.weight, target.decode_head.weight)


def test_another_architecture_is_refused_with_its_keys(tmp_path):
    other = Net(width=4)
    other.extra = nn.Linear(1, 1)
    before = Net()
    untouched = before.backbone.weight.clone()
    with pytest.raises(
        CheckpointError, match=r'2 unexpected \(extra\.weight.*3 other shape \(backbone\.weight \(4, 2\)'
    ):
        weights.load_model_weights(before, saved(tmp_path, other))
    assert torch.equal(before.backbone.weight, untouched)


def test_a_checkpoint_without_weights_is_refused(tmp_path):
    for content, message in (({'meta': {}}, 'holds no weights'), ({'state_dict': torch.ones(2)}, 'holds a Tensor')):
        torch.save(content, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=message):
            weights.load_model_weights(Net(), tmp_path / 'a.pth')


def test_wrappers_around_the_network_are_looked_through(tmp_path):
    source, target = Net(), Net()
    wrapped = nn.Module()
    wrapped.module = nn.Module()  # several scales in several processes
    wrapped.module.module = target
    weights.load_model_weights(wrapped, saved(tmp_path, source))
    assert torch.equal(source.backbone.weight, target.backbone.weight)
    weights.check_fits(wrapped, saved(tmp_path, source))


def test_backbone_weights_come_out_of_a_whole_network(tmp_path):
    source, target = Net(), nn.Linear(2, 3)
    weights.load_backbone_weights(target, saved(tmp_path, source))
    assert torch.equal(source.backbone.weight, target.weight)


def test_best_checkpoint_of_a_work_dir(tmp_path):
    with pytest.raises(CheckpointError, match='no checkpoint'):
        weights.best_checkpoint(tmp_path)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_9.pth'))
    assert weights.best_checkpoint(tmp_path).name == 'iter_9.pth'
    (tmp_path / 'best_IoU.green_iter_3.pth').touch()
    assert weights.best_checkpoint(tmp_path).name == 'best_IoU.green_iter_3.pth'
    assert weights.best_checkpoint(tmp_path / 'iter_9.pth').name == 'iter_9.pth'


def test_checkpoint_to_resume(tmp_path):
    assert weights.checkpoint_to_resume(None, tmp_path) is None
    assert weights.checkpoint_to_resume('auto', tmp_path) is None
    assert weights.checkpoint_to_resume('x.pth', tmp_path).name == 'x.pth'
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_9.pth'))
    assert weights.checkpoint_to_resume('auto', tmp_path).name == 'iter_9.pth'


def test_the_newest_best_checkpoint_counts(tmp_path):
    for age, name in ((0, 'best_mIoU_iter_9.pth'), (50, 'best_mIoU_iter_10.pth'), (20, 'best_OA_iter_99.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert weights.best_checkpoint(tmp_path).name == 'best_mIoU_iter_9.pth'


def test_counters_of_batch_norm_may_be_missing():
    expected = nn.BatchNorm2d(2).state_dict()
    got = {key: value for key, value in expected.items() if key != 'num_batches_tracked'}
    assert not any(weights.mismatches(expected, got).values())


def test_weights_alone_cannot_be_resumed(tmp_path):
    with pytest.raises(CheckpointError, match='no state of a run .message_hub, optimizer'):
        weights.check_resumable(Net(), saved(tmp_path, Net(), meta={}))


def test_resuming_with_another_network_is_refused(tmp_path):
    run = {part: {} for part in weights.RUN_STATE}
    path = saved(tmp_path, Net(auxiliary=False), **run)
    weights.check_resumable(Net(auxiliary=False), path)
    with pytest.raises(CheckpointError, match=r'2 missing \(auxiliary_head'):
        weights.check_resumable(Net(), path)


def no_network(*_):
    raise OSError('no network here')


def test_weights_file_offline_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        weights.weights_file('open-mmlab://msra/hrnetv2_w18')
    text = str(caught.value)
    assert 'hrnetv2_w18-00eb2006.pth' in text
    assert str(tmp_path / 'hub' / 'checkpoints') in text
    assert '--pretrained none' in text
    assert '\n' not in text


def test_weights_file_takes_paths_and_cached_files(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cached = tmp_path / 'hub' / 'checkpoints' / 'w.pth'
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert weights.weights_file('https://example.org/a/w.pth') == cached
    assert str(weights.weights_file('some/w.pth')) == os.path.join('some', 'w.pth')


def test_one_process_of_a_machine_downloads(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert weights.weights_file('https://example.org/a/w.pth') == tmp_path / 'hub' / 'checkpoints' / 'w.pth'


def test_unknown_published_name_is_refused():
    with pytest.raises(CheckpointError, match='hrnetv2_w18'):
        weights.weights_file('open-mmlab://msra/hrnetv2_w19')


def test_a_work_dir_that_was_moved_is_resumed_from_its_own_file(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('/before/it/was/moved/iter_5.pth')
    assert weights.checkpoint_to_resume('auto', tmp_path) == Path('/before/it/was/moved/iter_5.pth')
    (tmp_path / 'iter_5.pth').touch()
    assert weights.checkpoint_to_resume('auto', tmp_path) == tmp_path / 'iter_5.pth'
