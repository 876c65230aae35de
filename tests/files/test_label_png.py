"""Palette PNG files hold exactly the indices that went in, and are never half-written."""

import os

import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.files.label_png import NO_CLASS_COLOUR, write_label_png

PALETTE = [(0, 0, 0), (128, 0, 0)]


@pytest.mark.parametrize('dtype', [np.uint8, np.int64])
def test_every_index_survives(tmp_path, dtype):
    label = np.arange(256, dtype=dtype).reshape(8, 32)
    write_label_png(tmp_path / 'a.png', label, PALETTE)
    written = Image.open(tmp_path / 'a.png')
    assert written.mode == 'P'
    assert np.array_equal(np.asarray(written), label)


def test_colours(tmp_path):
    write_label_png(tmp_path / 'a.png', np.array([[0, 1, 255]]), PALETTE)
    colours = np.asarray(Image.open(tmp_path / 'a.png').convert('RGB'))
    assert colours[0].tolist() == [[0, 0, 0], [128, 0, 0], list(NO_CLASS_COLOUR)]


def test_views_are_written_in_their_own_order(tmp_path):
    label = np.arange(6, dtype=np.uint8).reshape(2, 3).T
    write_label_png(tmp_path / 'a.png', label, PALETTE)
    assert np.asarray(Image.open(tmp_path / 'a.png')).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_existing_file_is_replaced_and_nothing_else_is_left(tmp_path):
    for value in (0, 1):
        write_label_png(tmp_path / 'a.png', np.full((2, 2), value), PALETTE)
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
    assert np.asarray(Image.open(tmp_path / 'a.png')).tolist() == [[1, 1], [1, 1]]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_label_png(tmp_path / 'a.png', np.zeros((2, 2), np.uint8), PALETTE)
    before = (tmp_path / 'a.png').read_bytes()

    def fail(self, path, format):
        path.write_bytes(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Image.Image, 'save', fail)
    with pytest.raises(DataError, match=r'a\.png cannot be written \(No space left on device\)'):
        write_label_png(tmp_path / 'a.png', np.ones((2, 2), np.uint8), PALETTE)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a.png', before)]


def test_two_processes_that_write_one_file_do_not_meet(tmp_path, monkeypatch):
    save = Image.Image.save

    def save_between(self, path, format):
        save(self, path, format=format)
        monkeypatch.setattr(Image.Image, 'save', save)
        monkeypatch.setattr(os, 'getpid', lambda: -1)  # the other process, which begins and ends meanwhile
        write_label_png(tmp_path / 'a.png', np.zeros((2, 2), np.uint8), PALETTE)
        assert np.asarray(Image.open(tmp_path / 'a.png')).tolist() == [[0, 0], [0, 0]]

    monkeypatch.setattr(Image.Image, 'save', save_between)
    write_label_png(tmp_path / 'a.png', np.ones((2, 2), np.uint8), PALETTE)
    assert np.asarray(Image.open(tmp_path / 'a.png')).tolist() == [[1, 1], [1, 1]]
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'missing').touch()
    with pytest.raises(DataError, match=r'cannot be written.*choose a folder'):
        write_label_png(tmp_path / 'missing' / 'a.png', np.zeros((2, 2), np.uint8), PALETTE)


@pytest.mark.parametrize(
    'label',
    [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2)), np.zeros((0, 2), np.uint8), np.array([[256]]), np.array([[-1]])],
)
def test_maps_that_are_no_index_maps(tmp_path, label):
    with pytest.raises(LabelError, match='label map'):
        write_label_png(tmp_path / 'a.png', label, PALETTE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('palette', [[], [(0, 0, 0)] * 257, [(0, 0)], [(0, 0, 256)], [(-1, 0, 0)]])
def test_palettes_that_are_no_colours(tmp_path, palette):
    with pytest.raises(ConfigError, match='palette'):
        write_label_png(tmp_path / 'a.png', np.zeros((2, 2), np.uint8), palette)
