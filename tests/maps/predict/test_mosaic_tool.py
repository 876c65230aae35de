"""Mosaics by the command: options, messages, exit codes, a real network, several processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from mosaic_support import LAYOUTS, composed, read, sheets
from raster_support import METRE, noise, write_raster
from tiny_export import written
from tool_support import REPO, configs_laid_out, run_here

LAYOUT = LAYOUTS['odd offsets and overlaps']
SMALL = ('--window', '32', '--device', 'cpu')


@pytest.fixture
def files(tmp_path):
    return written(tmp_path, name='tiny')


def test_a_folder_is_predicted_as_the_ground_that_it_shows(files, tmp_path, capsys):
    paths = sheets(tmp_path / 'in', LAYOUT, holes=True)
    ground = write_raster(tmp_path / 'ground.tif', composed(paths, LAYOUT), nodata=0)
    options = ('--prob', 'uint16', *SMALL)
    assert run_here('predict_raster', *files, ground, '--out', tmp_path / 'one', *options) == 0
    capsys.readouterr()
    assert run_here('predict_raster', *files, tmp_path / 'in', '--mosaic', '--out', tmp_path / 'out', *options) == 0
    out, err = capsys.readouterr()
    assert out == f'4 maps in {tmp_path / "out"}\n'
    assert err == '4 rasters: 1 mosaic\n'
    for path, (top, left, height, width) in zip(paths, LAYOUT, strict=True):
        for kind in ('classes', 'prob'):
            whole = read(tmp_path / 'one' / f'ground_{kind}.tif')[:, top : top + height, left : left + width]
            np.testing.assert_array_equal(read(tmp_path / 'out' / f'{path.stem}_{kind}.tif'), whole)


def test_the_raster_that_is_named_last_is_on_top(files, tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUT)
    for name, on_top, order in (
        ('sorted', 'order', paths),
        ('turned', 'order', paths[::-1]),
        ('near', 'nearest', paths),
    ):
        out = tmp_path / name
        named = (*order, '--mosaic', '--on-top', on_top, '--prob', 'uint16')
        assert run_here('predict_raster', *files, *named, '--out', out, *SMALL) == 0
    probabilities = [read(tmp_path / name / 'a_prob.tif') for name in ('sorted', 'turned', 'near')]
    assert not np.array_equal(probabilities[0], probabilities[1])
    assert not np.array_equal(probabilities[0], probabilities[2])


@pytest.mark.parametrize(
    ('other', 'extra', 'said'),
    [
        (
            {'transform': METRE @ Affine.translation(33, 0) @ Affine.scale(2)},
            ['--mosaic'],
            'their pixels differ (1 x 1',
        ),
        ({'crs': 'EPSG:25833'}, ['--mosaic'], 'their reference systems differ (EPSG:32633, EPSG:25833)'),
        ({}, ['--on-top', 'nearest'], 'give --mosaic too'),
    ],
)
def test_what_cannot_be_a_mosaic_is_one_line(files, tmp_path, capsys, other, extra, said):
    first = write_raster(tmp_path / 'a.tif', noise(3, (40, 33)))
    settings = {'transform': METRE @ Affine.translation(33, 0), **other}
    second = write_raster(tmp_path / 'b.tif', noise(3, (40, 28), seed=1), **settings)
    assert run_here('predict_raster', *files, first, second, '--out', tmp_path / 'out', *extra, *SMALL) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert said in line
    assert not (tmp_path / 'out').exists()


def test_a_bad_raster_is_told_at_the_end(files, tmp_path, capsys):
    paths = sheets(tmp_path / 'in', LAYOUT)
    paths[3].write_bytes(b'nothing')
    assert run_here('predict_raster', *files, tmp_path / 'in', '--mosaic', '--out', tmp_path / 'out', *SMALL) == 2
    failed, _, last = capsys.readouterr().err.splitlines()
    assert failed.startswith('failed: ')
    assert last.startswith('error: 1 of 4 rasters failed, see above: d.tif; the maps of the others are in')
    assert len(list((tmp_path / 'out').glob('*_classes.tif'))) == 3


@pytest.mark.slow  # two processes that import everything
def test_processes_share_a_mosaic_and_give_the_same_bytes(files, tmp_path):
    sheets(tmp_path / 'in', LAYOUT)
    options = ('--mosaic', '--prob', 'uint8', *SMALL)
    with configs_laid_out():
        assert run_here('predict_raster', *files, tmp_path / 'in', '--out', tmp_path / 'one', *options) == 0
    script = Path(__file__).with_name('tiny_predict.py')
    launcher = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (REPO, REPO / 'tests'))), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, *launcher, script, *files, tmp_path / 'in', '--out', tmp_path / 'two', *options]
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    made = sorted(path.name for path in (tmp_path / 'one').glob('*.tif'))
    assert len(made) == 8
    for name in made:
        assert (tmp_path / 'two' / name).read_bytes() == (tmp_path / 'one' / name).read_bytes()
    assert ran.stderr.count('4 rasters: 1 mosaic') == 1
