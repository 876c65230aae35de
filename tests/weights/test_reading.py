import os
import pickle
import re
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from mmseg_aux_hrnet import weights
from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.weights.reading import NUMPY_CORES

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
    [(None, 'not a file'), (b'', 'a.pth'), (b'PK\x03\x04 no archive', 'a.pth'), (pickle.dumps([1]), 'a.pth')],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        weights.read_checkpoint(tmp_path / 'a.pth')


def test_truncated_checkpoint_is_refused(tmp_path):
    torch.save({'weight': torch.ones(8)}, tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match='a.pth'):
        weights.read_checkpoint(tmp_path / 'a.pth')
