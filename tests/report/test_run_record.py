"""Where figures come from."""

import hashlib
import sys
from datetime import datetime, timezone

import pytest
import torch

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.report.run_record import Sources, file_digest, run_record
from mmseg_aux_hrnet.version import __version__


def test_hashes_are_those_of_the_files(tmp_path):
    weights, first, second = (tmp_path / name for name in ('a.pth', 'a.txt', 'b.txt'))
    weights.write_bytes(b'x' * 3_000_000)
    first.write_text('one\n')
    second.write_text('two\n')
    sources = Sources('c.py', 'a = 1\n', weights, [first, second], tmp_path, 'cpu', Threshold('green', 0.5))
    run = run_record(sources, images=3)
    assert run['config_sha256'] == hashlib.sha256(b'a = 1\n').hexdigest()
    assert run['checkpoint_sha256'] == hashlib.sha256(b'x' * 3_000_000).hexdigest()
    assert run['data_list_sha256'] == hashlib.sha256(b'one\ntwo\n').hexdigest()
    assert run['data_list'] == f'{first} + {second}'
    assert (run['images'], run['device'], run['work_dir']) == (3, 'cpu', str(tmp_path))
    assert run['threshold'] == {'class': 'green', 'value': 0.5}


def test_what_was_not_there_is_null(tmp_path):
    run = run_record(Sources(lists=[tmp_path / 'gone.txt', tmp_path]), images=1)
    named = ('config', 'config_sha256', 'checkpoint', 'checkpoint_sha256', 'data_list', 'data_list_sha256')
    assert [run[name] for name in (*named, 'work_dir', 'device', 'threshold')] == [None] * 9


def test_command_date_and_versions(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['tools/test.py', 'c.py', '--flip'])
    run = run_record(Sources(), images=1)
    assert run['command'] == ['tools/test.py', 'c.py', '--flip']
    age = datetime.now(timezone.utc) - datetime.fromisoformat(run['date'])
    assert 0 <= age.total_seconds() + 1 < 60
    assert run['versions']['torch'] == torch.__version__
    assert run['versions']['mmseg_aux_hrnet'] == __version__
    assert list(run['versions']) == [
        'mmseg_aux_hrnet', 'torch', 'mmengine', 'mmsegmentation', 'mmcv', 'numpy', 'python',
    ]  # fmt: skip
    assert all(type(version) is str for version in run['versions'].values())


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(DataError, match=r'gone.pth cannot be read'):
        file_digest([tmp_path / 'gone.pth'])
