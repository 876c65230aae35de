import errno
import os

import pytest
import torch

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.files import whole
from mmseg_aux_hrnet.weights import read_checkpoint
from mmseg_aux_hrnet.weights.writing import SUFFIXES, check_target, checkpoint_bytes, write_file

CONTENT = {'meta': {'iter': 3, 'dataset_meta': {'classes': ('a',)}}, 'state_dict': {'w': torch.arange(4.0)}}


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_what_is_written_is_read_and_the_same_again(tmp_path, suffix):
    data = checkpoint_bytes(CONTENT, suffix=suffix)
    write_file(tmp_path / f'a{suffix}', data)
    read = read_checkpoint(tmp_path / f'a{suffix}')
    assert read['meta'] == CONTENT['meta']
    assert torch.equal(read['state_dict']['w'], CONTENT['state_dict']['w'])
    assert checkpoint_bytes(read, suffix=suffix) == data


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_parts_of_large_tensors_do_not_bring_the_rest(suffix):
    large = torch.zeros(100_000)
    data = checkpoint_bytes({'a': large[:4], 'b': large[2:6], 'c': large.view(10, -1).T[:2]}, suffix=suffix)
    assert len(data) < 10_000


def test_a_written_file_needs_no_allow_list(tmp_path):
    write_file(tmp_path / 'a.pth', checkpoint_bytes(CONTENT, suffix='.pth'))
    with torch.serialization.safe_globals([]):
        allowed = torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / 'a.pth')
    assert allowed == []


@pytest.mark.parametrize(
    ('name', 'error', 'message'),
    [
        ('a.onnx', CheckpointError, r'a\.onnx does not name a format: its name must end in \.pth or \.safetensors'),
        ('there.pth', ConfigError, r'there\.pth exists: .* --overwrite'),
        ('folder.pth', ConfigError, 'is a folder'),
        ('in.pth', ConfigError, 'is an input file'),
    ],
)
def test_targets_that_cannot_be_are_refused(tmp_path, name, error, message):
    for file in ('there.pth', 'in.pth'):
        (tmp_path / file).touch()
    (tmp_path / 'folder.pth').mkdir()
    with pytest.raises(error, match=message):
        check_target(tmp_path / name, source=tmp_path / 'in.pth', overwrite=name == 'in.pth')


def test_other_targets_are_taken(tmp_path):
    (tmp_path / 'there.pth').touch()
    check_target(tmp_path / 'there.pth', source=tmp_path / 'in.pth', overwrite=True)
    check_target(tmp_path / 'new' / 'a.safetensors', source=tmp_path / 'in.pth', overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['there.pth']


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(whole.os, 'fsync', full_disk)
    with pytest.raises(CheckpointError, match=r'a\.pth cannot be written \(No space left on device\)'):
        write_file(tmp_path / 'a.pth', b'content')
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(CheckpointError, match='cannot be written'):
        write_file(tmp_path / 'file' / 'a.pth', b'content')
