import hashlib
import importlib
import os
import pickle
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmseg_aux_hrnet import weights
from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.weights.checkpoint import NUMPY_CORES
from mmseg_aux_hrnet.weights.writing import checkpoint_bytes

pytestmark = pytest.mark.stack


class RunsCode:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_read_checkpoint_takes_what_mmengine_saves(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {'state_dict': {'weight': torch.ones(8)}, 'message_hub': {'loss': history, 'best': np.float32(3.5)}}
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


@pytest.mark.parametrize('core', NUMPY_CORES)
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
    [
        (None, 'not a file'),
        (b'', 'not a readable checkpoint: it is not in the form that torch.save writes'),
        (b'hello world', 'not a readable checkpoint: it is not in the form that torch.save writes'),
        (b'{"a": 1}', 'not a readable checkpoint: it is not in the form that torch.save writes'),
        (b'PK\x03\x04 no archive', 'a.pth'),
        (pickle.dumps([1]), 'it is not in the form that torch.save writes'),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        weights.read_checkpoint(tmp_path / 'a.pth')


def test_a_refusal_names_what_was_wanted(tmp_path):
    torch.save({'meta': {'CLASSES': np.array(['road', 'sky'])}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'but got .*StrDType'):
        weights.read_checkpoint(tmp_path / 'a.pth')


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, 'Permission denied')

    (tmp_path / 'a.pth').touch()
    monkeypatch.setattr(Path, 'open', denied)
    with pytest.raises(CheckpointError, match=r'a\.pth cannot be read \(Permission denied\): give a checkpoint'):
        _ = weights.Checkpoint(tmp_path / 'a.pth', hashed=True).sha256


def test_only_who_asks_for_the_hash_pays_for_it(tmp_path, monkeypatch):
    path = written(tmp_path / 'a.safetensors', {'w': torch.ones(2)})
    monkeypatch.setattr('mmseg_aux_hrnet.weights.checkpoint.sha256_of', lambda file: pytest.fail('hashed'))
    assert weights.Checkpoint(path).weights['w'].tolist() == [1, 1]


def test_the_hash_is_that_of_what_was_read(tmp_path):
    path = written(tmp_path / 'a.safetensors', {'w': torch.ones(2)})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoint = weights.Checkpoint(path, hashed=True)
    assert checkpoint.sha256 == digest
    written(path, {'w': torch.zeros(2)})
    assert (checkpoint.weights['w'].tolist(), checkpoint.sha256) == ([1, 1], digest)


def test_truncated_checkpoint_is_refused(tmp_path):
    torch.save({'weight': torch.ones(8)}, tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match='a.pth'):
        weights.read_checkpoint(tmp_path / 'a.pth')


@pytest.mark.parametrize('new', [True, False], ids=['zip', 'before torch 1.6'])
def test_trust_runs_the_code_and_nothing_else_does(tmp_path, new):
    content = {'state_dict': {'w': torch.ones(2)}, 'x': RunsCode(tmp_path / 'made')}
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=new)
    with pytest.raises(CheckpointError, match=r'refused.*mkdir.*convert_checkpoint\.py a\.pth OUT --trust'):
        weights.read_checkpoint(tmp_path / 'a.pth')
    assert not (tmp_path / 'made').exists()
    assert weights.Checkpoint(tmp_path / 'a.pth', trust=True).content['state_dict']['w'].tolist() == [1, 1]
    assert (tmp_path / 'made').is_dir()


class Calls:
    """A pickle that calls something."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'call',
    [
        Calls(os.system, 'echo > made'),
        Calls(eval, "open('made', 'w')"),
        Calls(exec, "open('made', 'w')"),
        Calls(open, 'made', 'w'),
        Calls(subprocess.Popen, ['touch', 'made']),
        Calls(importlib.import_module, 'antigravity'),
        Calls(torch.load, 'made'),
        Calls(np.save, 'made', 1),
        Calls(torch.nn.Linear, 1, 1),
    ],
    ids=lambda call: call.call[0].__qualname__,
)
@pytest.mark.parametrize('place', ['top', 'state', 'protocol 4', 'plain pickle'])
def test_hostile_files_run_nothing(tmp_path, monkeypatch, call, place):
    monkeypatch.chdir(tmp_path)
    content = {'top': call, 'state': {'state_dict': {'w': call}}}.get(place, {'w': call})
    if place == 'plain pickle':
        Path('a.pth').write_bytes(pickle.dumps(content))
    else:
        torch.save(content, 'a.pth', pickle_protocol=4 if place == 'protocol 4' else 2)
    with pytest.raises(CheckpointError, match=r'a\.pth is (refused|not a readable)') as caught:
        weights.read_checkpoint('a.pth')
    assert '\n' not in str(caught.value)
    assert os.listdir() == ['a.pth']


def test_trusted_code_that_fails_is_one_line(tmp_path):
    torch.save({'x': Calls(int, 'no number')}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'cannot be read with its code either: ValueError: invalid literal'):
        _ = weights.Checkpoint(tmp_path / 'a.pth', trust=True).content


@pytest.mark.parametrize('kind', ['bool', 'int32', 'int64', 'uint32', 'float32', 'float64'])
def test_numbers_of_numpy_in_a_log_are_read(tmp_path, kind):
    number = np.dtype(kind).type(1)
    torch.save({'message_hub': {'one': number, 'many': np.ones(3, kind)}}, tmp_path / 'a.pth')
    hub = weights.read_checkpoint(tmp_path / 'a.pth')['message_hub']
    assert (hub['one'], hub['one'].dtype, hub['many'].tolist()) == (number, kind, [1, 1, 1])


def test_mmengine_is_kept_from_running_code_by_torchs_own_switch(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    torch.save({'state_dict': {}, 'x': RunsCode(tmp_path / 'made')}, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match='mkdir'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'))
    assert not (tmp_path / 'made').exists()


def written(path, content):
    path.write_bytes(checkpoint_bytes(content, suffix='.safetensors'))
    return path


def test_safetensors_bring_weights_and_meta(tmp_path):
    meta = {'dataset_meta': {'classes': ('a', 'b'), 'palette': [[0, 0, 0], [1, 2, 3]]}, 'iter': 7}
    path = written(tmp_path / 'a.safetensors', {'state_dict': {'w': torch.arange(3)}, 'meta': meta})
    content = weights.read_checkpoint(path)
    assert content['meta'] == meta
    assert content['state_dict']['w'].tolist() == [0, 1, 2]


def test_safetensors_of_others_have_no_meta(tmp_path):
    path = written(tmp_path / 'a.safetensors', {'w': torch.ones(2)})
    assert list(weights.read_checkpoint(path)) == ['state_dict']


@pytest.mark.parametrize(
    'content', [b'', b'\0' * 8, b'\xff' * 64, (2**40).to_bytes(8, 'little') + b'{}', None], ids=str
)
def test_damaged_safetensors_are_refused(tmp_path, content):
    path = written(tmp_path / 'a.safetensors', {'w': torch.ones(50)})
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    with pytest.raises(CheckpointError, match=r'a\.safetensors is not a readable checkpoint'):
        weights.read_checkpoint(path)


def test_pickles_under_the_name_of_safetensors_are_not_run(tmp_path):
    torch.save({'x': RunsCode(tmp_path / 'made')}, tmp_path / 'a.safetensors')
    with pytest.raises(CheckpointError, match='is not a readable checkpoint'):
        _ = weights.Checkpoint(tmp_path / 'a.safetensors', trust=True).content
    assert not (tmp_path / 'made').exists()
