"""A checkpoint is opened once by a command, however much of it is needed: weights, meta and hash.

Python reports each opening by its own functions, and by C code that reports it too. What a library opens beside
Python, such as GDAL or torch's memory mapping, it does not see.
"""

import hashlib
import os
import sys
from pathlib import Path

import pytest
from raster_support import noise, write_raster
from tiny_export import run_tool, written
from tool_support import run_here

from mmseg_aux_hrnet.weights import Checkpoint

pytestmark = pytest.mark.stack
OPENED, LISTENS = [], []  # a hook cannot be taken off again, so that it keeps still unless a test listens


def note_opening(event, args):
    if LISTENS and event == 'open' and isinstance(args[0], (str, bytes, os.PathLike)):  # else a descriptor
        OPENED.append(os.path.realpath(os.fsdecode(args[0])))


sys.addaudithook(note_opening)


@pytest.fixture
def times_opened():
    OPENED.clear()
    LISTENS.append(True)
    yield lambda path: OPENED.count(os.path.realpath(path))
    LISTENS.clear()


@pytest.fixture
def tiny(tmp_path):
    return written(tmp_path)


def test_a_map(tiny, tmp_path, times_opened):
    raster = write_raster(tmp_path / 'ortho.tif', noise(3, (40, 50)))
    settings = ('--out', tmp_path / 'out', '--window', '32', '--device', 'cpu')
    assert run_here('predict_raster', *tiny, raster, *settings) == 0
    assert times_opened(tiny[1]) == 1


def test_an_export(tiny, tmp_path, times_opened):
    code, _, complaint = run_tool(*tiny, tmp_path / 'a.pt2')
    assert code == 0, complaint
    assert times_opened(tiny[1]) == 1


def test_hash_meta_and_weights(tiny, times_opened):
    checkpoint = Checkpoint(tiny[1], hashed=True)
    assert checkpoint.meta['dataset_meta']['classes'] == ('background', 'green')
    assert checkpoint.weights.keys() == checkpoint.content['state_dict'].keys()
    assert (len(checkpoint.sha256), times_opened(tiny[1])) == (64, 1)


def test_what_was_read_is_kept(tiny):
    checkpoint = Checkpoint(tiny[1], hashed=True)
    digest = hashlib.sha256(Path(tiny[1]).read_bytes()).hexdigest()
    assert checkpoint.content is checkpoint.content
    Path(tiny[1]).unlink()
    assert checkpoint.sha256 == digest
