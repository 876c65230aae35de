"""The benchmarks of maps run, at toy size; what they measure is no matter of tests, but what they count is."""

import importlib
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from tool_support import REPO

pytest.importorskip('rasterio')

FOLDER = REPO / 'benchmarks'


def rows_in(text):
    """Return the rows of the table in a text, split at wide gaps."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(' ─'))
    return [re.split(r'\s{2,}', line.strip()) for line in lines[start + 1 :] if line.startswith('  ') and line.strip()]


@pytest.fixture
def rows_of(monkeypatch, capsys):
    """Return a function that runs a benchmark and returns the rows of its table."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(name, *arguments, **replaced):
        module = importlib.import_module(name)
        for known, other in replaced.items():
            monkeypatch.setattr(module, known, other)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        module.main()
        return rows_in(capsys.readouterr().out)

    return run


def test_bookkeeping_is_timed_after_both_blend_to_the_same(rows_of):
    rows = rows_of('raster_bookkeeping', '--side', 700, '--window', 256, '--classes', 2, 3)
    assert [row[0] for row in rows] == ['2'] * 4 + ['3'] * 4
    assert all(float(figure) > 0 for row in rows for figure in row[2:])
    assert {row[4] for row in rows if row[1].startswith('mmseg')} == {'1.00'}


def test_forward_passes_are_part_of_the_run(rows_of):
    rows = rows_of('raster_overlap', '--height', 100, '--width', 130, '--window', 64, '--rounds', 1)
    assert [row[0] for row in rows] == ['class map', 'class map and probabilities']
    assert all(float(row[3]) >= 1 for row in rows)


def test_a_raster_on_a_server_gives_the_map_of_the_file(rows_of):
    rows = rows_of('raster_remote', '--size', 300, '--latency', 1, '--rate', 100, '--rounds', 1)
    assert [row[0] for row in rows] == ['a file', 'on a server, 1 ms a request']


def test_every_container_gives_a_map(rows_of):
    rows = rows_of('raster_containers', '--size', 100, '--rounds', 1)
    assert [row[0] for row in rows][-2:] == ['ortho.png', 'ortho.jpg'] and rows[0][2] == '1.00'


def test_small_rasters_share_a_call(rows_of):
    rows = rows_of('raster_small', '--rasters', 3, '--side', 64, '--batch-size', 4, '--call', 1, '--rounds', 1)
    assert [(row[0], row[2]) for row in rows] == [('one after the other', '1.0'), ('together', '3.0')]


@pytest.mark.slow  # a process that imports everything
@pytest.mark.skipif(sys.platform == 'win32', reason='has no resource.getrusage')
def test_every_window_with_values_is_predicted_where_memory_is_measured():
    # By itself: on Linux the peak of a process begins with that of the one that started it.
    line = [sys.executable, FOLDER / 'raster_memory.py', '--width=700', '--heights', '900', '--filled=1']
    environment = {**os.environ, 'PYTHONPATH': str(FOLDER.parent)}
    run = subprocess.run(line, stdout=subprocess.PIPE, text=True, encoding='utf-8', check=True, env=environment)
    [row] = rows_in(run.stdout)
    assert row[:2] == ['900 x 700', '6']  # rows of windows start at 0, 320 and 416, columns at 0 and 192
    assert float(row[2]) > float(row[4]) > 0
    assert row[3] == row[5] == '1.00'


@pytest.mark.skipif(sys.platform == 'win32', reason='has no resource.getrusage')
@pytest.mark.parametrize('simplify', [0.0, 1.0])
def test_the_whole_map_gives_as_many_polygons_as_its_strips(monkeypatch, tmp_path, simplify):
    monkeypatch.syspath_prepend(str(FOLDER))
    module, path = importlib.import_module('polygon_memory'), tmp_path / 'map.tif'
    module.make(path, height=70, width=90, noise=0.05)
    by_strips = module.by_strips(path, tmp_path / 'strips.gpkg', simplify=simplify)
    assert module.whole(path, tmp_path / 'whole.gpkg', simplify=simplify) == by_strips > 50


class Seer:
    """Stands in for a predictor: a pixel's class follows from its red, in windows also from where it lies in them."""

    def __init__(self, facts, *, whole, shift):
        self.facts, self.whole, self.shift = facts, whole, shift

    def __call__(self, image):
        red = image[..., 0].astype(np.float32) / 255
        if image.shape[0] < self.whole:
            red = np.clip(red + self.shift * (np.arange(image.shape[1]) >= image.shape[1] - 8), 0, 1)
        return np.stack([1 - red, red])


@pytest.fixture
def seams_of(rows_of, tmp_path, monkeypatch):
    """Return the rows for an image of 192 x 192 and windows of 64, as seen with a shift at their right borders."""

    def run(shift):
        monkeypatch.syspath_prepend(str(FOLDER))
        stand_ins = importlib.import_module('raster_stand_ins')
        stand_ins.write_raster(tmp_path / 'image.tif', height=192, width=192)
        seer = Seer(stand_ins.FreeModel(2, window=64).facts, whole=192, shift=shift)
        predictor = SimpleNamespace(from_files=lambda *args, **settings: seer)
        arguments = ('a.py', 'a.pth', tmp_path / 'image.tif', '--windows', 64, 192, '--overlaps', 0, 0.5)
        return rows_of('seams', *arguments, Predictor=predictor)

    return run


def test_no_seams_where_windows_do_not_matter(seams_of):
    rows = seams_of(0)
    assert [row[0] for row in rows] == ['64'] * 6  # a window of 192 holds the whole image
    assert {figure for row in rows for figure in row[4:6]} == {'0.000'}


def test_seams_are_found_at_the_borders_and_a_smooth_weight_hides_them(seams_of):
    uniform, _, smooth = seams_of(1)[3:]  # overlap a half
    assert float(uniform[5]) > float(smooth[5])
    assert float(uniform[4]) > float(smooth[4])


@pytest.mark.slow  # a process that imports everything, and its forks
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the workers are forked')
def test_ways_to_scale_are_timed_with_all_their_maps():
    line = [sys.executable, FOLDER / 'cluster_scaling.py', '--ways', 'parts', 'torchrun', '--workers', '1', '2']
    toy = ['--seconds', '0.02', '--rows', '6', '--small', '3', '--side', '600']
    environment = {**os.environ, 'PYTHONPATH': str(FOLDER.parent)}
    ran = subprocess.run([*map(str, line), *toy], capture_output=True, text=True, env=environment, check=True)
    rows = rows_in(ran.stdout)
    assert [row[1] for row in rows[:4]] == ['parts', 'torchrun'] * 2
    assert all(row[2].endswith(', 1.00') for row in rows[:4])
    assert [row[0] for row in rows[-3:]] == ['checksum of the raster', 'write the map', 'all of the last three']
