"""The command: options, messages, exit codes, several processes, real rasters."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from raster_support import noise, write_raster
from rio_cogeo import cog_validate
from tiny_export import written
from tool_support import REPO, configs_laid_out, run_here

from mmseg_aux_hrnet.maps import MapSettings, predict_raster
from mmseg_aux_hrnet.maps.predict.predictor import Predictor

SMALL = ('--window', '32', '--device', 'cpu')
WHAT = ('classes', 'prob', 'uncertainty')


@pytest.fixture
def files(tmp_path):
    return written(tmp_path, name='tiny')


@pytest.fixture
def raster(tmp_path):
    values = noise(3, (150, 130))
    values[:, :40, :60] = 0
    return write_raster(tmp_path / 'ortho.tif', values, nodata=0)


def bands(path):
    with rasterio.open(path) as made:
        return made.read()


def test_the_map_of_a_raster_within_one_window_is_the_prediction_of_the_image(files, raster, tmp_path, capsys):
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', '--prob', 'uint16') == 0
    assert capsys.readouterr().out == f'1 map in {tmp_path / "out"}\n'
    predictor = Predictor.from_files(*files, device='cpu')
    image = np.moveaxis(bands(raster), 0, -1)
    hole = (image == 0).all(axis=2)
    image[hole] = predictor.facts.fill
    probabilities = predictor(np.ascontiguousarray(image))
    expected = np.where(hole, 255, probabilities.argmax(axis=0))
    np.testing.assert_array_equal(bands(tmp_path / 'out' / 'ortho_classes.tif')[0], expected)
    steps = bands(tmp_path / 'out' / 'ortho_prob.tif')[0]
    np.testing.assert_array_equal(steps[hole], 65535)
    assert np.abs(steps[~hole] / 65534 - probabilities[1][~hole]).max() < 1e-5


def test_the_batch_size_changes_at_most_one_pixel_in_a_hundred_thousand(files, raster, tmp_path):
    predictor = Predictor.from_files(*files, device='cpu')
    maps = [
        predict_raster(predictor, raster, tmp_path / f'{size}.tif', MapSettings(window=32, batch_size=size))
        for size in (1, 5)
    ]
    assert (bands(maps[0]) != bands(maps[1])).mean() <= 1e-5


def test_a_threshold_that_is_asked_for_counts(files, raster, tmp_path):
    for threshold in ('0.000001', '0.999999'):
        assert run_here(
            'predict_raster', *files, raster, '--out', tmp_path / threshold, '--threshold', threshold, *SMALL
        ) == 0  # fmt: skip
    [low], [high] = (bands(tmp_path / threshold / 'ortho_classes.tif') for threshold in ('0.000001', '0.999999'))
    assert (low == 1).sum() > (high == 1).sum()
    with rasterio.open(tmp_path / '0.999999' / 'ortho_classes.tif') as made:
        assert made.tags()['THRESHOLD'] == 'green from 0.999999'


@pytest.mark.parametrize('extra', [('--tta', 'd4'), ('--amp',), ('--gsd', '2'), ('--gsd', '0.7'), ('--tta', 'scales')])
def test_every_way_to_predict_gives_a_whole_map(files, raster, tmp_path, extra):
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL, *extra) == 0
    [classes] = bands(tmp_path / 'out' / 'ortho_classes.tif')
    assert ((classes == 255) == (bands(raster) == 0).all(axis=0)).all()
    assert {0, 1} >= set(np.unique(classes)) - {255}


def test_pixels_far_from_those_of_training_are_warned_of(tmp_path, raster, capsys):
    files = written(tmp_path, name='known')
    arguments = (*files, raster, '--out', tmp_path / 'out', *SMALL, '--cfg-options', 'gsd=0.25')
    assert run_here('predict_raster', *arguments) == 0
    said = capsys.readouterr().err
    assert (
        'its pixels are 1 m, but the model was trained at 0.25 m: --gsd 0.25 shows it the raster at that size' in said
    )


def test_several_rasters_of_which_one_is_bad(files, raster, tmp_path, capsys):
    (tmp_path / 'bad.tif').write_bytes(b'nothing')
    assert run_here('predict_raster', *files, raster, tmp_path / 'bad.tif', '--out', tmp_path / 'out', *SMALL) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith('error: 1 of 2 rasters failed, see above: bad.tif')
    assert (tmp_path / 'out' / 'ortho_classes.tif').is_file()


@pytest.mark.parametrize(
    ('extra', 'said'), [(('--bands', '1,,2'), '1,,2'), (('--scale', '9'), '9'), (('--aoi', 'none.gpkg'), 'none.gpkg')]
)
def test_what_is_wrong_for_all_rasters_is_said_once_before_any_work(files, raster, tmp_path, extra, said, capsys):
    second = write_raster(tmp_path / 'second.tif', noise(3, (40, 50)))
    assert run_here('predict_raster', files[0], 'none.pth', raster, second, '--out', tmp_path / 'out', *extra) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert said in line


def test_when_all_rasters_fail_no_maps_are_promised(files, tmp_path, capsys):
    for name in 'ab':
        (tmp_path / f'{name}.tif').write_bytes(b'nothing')
    assert run_here('predict_raster', *files, tmp_path / 'a.tif', tmp_path / 'b.tif', '--out', tmp_path / 'out') == 2
    first, second, last = capsys.readouterr().err.splitlines()
    assert [first.startswith('failed: '), second.startswith('failed: ')] == [True, True]
    assert last == 'error: 2 of 2 rasters failed, see above: a.tif, b.tif'


def write_odd(folder, kind):
    values = noise(3, (20, 20))
    return {
        'uint16': lambda: write_raster(folder / 'odd.tif', values.astype(np.uint16) * 200),
        'float': lambda: write_raster(folder / 'odd.tif', values.astype(np.float32)),
        'one band': lambda: write_raster(folder / 'odd.tif', values[:1]),
        'five bands': lambda: write_raster(folder / 'odd.tif', noise(5, (20, 20)), photometric='minisblack'),
        'no reference': lambda: write_raster(folder / 'odd.tif', values, crs=None),
    }[kind]()


@pytest.mark.parametrize(
    ('kind', 'extra', 'said'),
    [
        ('uint16', (), 'give --scale LOW:HIGH'),
        ('float', (), 'give --scale LOW:HIGH'),
        ('one band', (), 'give --bands 1,1,1'),
        ('five bands', (), 'give --bands with three names or indices'),
        ('no reference', ('--gsd', '0.5'), '--gsd cannot be used: the raster has no coordinate reference system'),
        ('no reference', ('--overlap', '1'), 'overlap of 1: give a share'),
        ('no reference', ('--device', 'cuda:99'), 'device cuda:99 cannot be used'),
        ('no reference', ('--threshold', '2'), 'threshold 2'),
        ('no reference', ('--aoi', 'none.gpkg'), 'none.gpkg'),
        ('no reference', ('--bands', '1,2,9'), 'no band is named 9'),
    ],
)
def test_bad_input_is_one_line(files, tmp_path, kind, extra, said, capsys):
    assert run_here('predict_raster', *files, write_odd(tmp_path, kind), '--out', tmp_path / 'out', *extra) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert said in line
    assert not list(tmp_path.glob('out/*.tif'))


@pytest.mark.parametrize(
    ('kind', 'extra'),
    [('uint16', ('--scale', '0:60000')), ('float', ('--scale', '0:255')), ('one band', ('--bands', '1,1,1')),
     ('five bands', ('--bands', '3,2,1')), ('no reference', ())],
)  # fmt: skip
def test_odd_rasters_are_predicted_when_it_is_said_how(files, tmp_path, kind, extra):
    assert run_here('predict_raster', *files, write_odd(tmp_path, kind), '--out', tmp_path / 'out', *extra) == 0
    assert set(np.unique(bands(tmp_path / 'out' / 'odd_classes.tif'))) <= {0, 1}


def test_parts_and_what_is_missing_by_the_command_that_makes_it(files, raster, tmp_path, capsys):
    words = [*map(str, files), str(raster), '--out', str(tmp_path / 'out'), *SMALL]
    with configs_laid_out():
        assert run_here('predict_raster', *words[:4], tmp_path / 'one', *SMALL) == 0
        assert run_here('predict_raster', *words, '--part', '2/2') == 0
        said = f'part 2/2 is done: its rows of windows are in {tmp_path / "out"}; after the last part give --finish'
        assert capsys.readouterr().out.splitlines()[-1] == said
        assert run_here('predict_raster', *words, '--finish') == 2
        *_, missing, last = capsys.readouterr().err.splitlines()
        assert missing.startswith('missing: ')
        assert missing.endswith(f'{shlex.join([*words, "--part", "1/2"])}')
        assert last == 'error: 1 of 1 map not whole, see above: run again part 1/2, then --finish once more'
        assert run_here('predict_raster', *words, '--part', '1/2') == 0
        assert run_here('predict_raster', *words, '--finish') == 0
    name = 'ortho_classes.tif'
    assert (tmp_path / 'out' / name).read_bytes() == (tmp_path / 'one' / name).read_bytes()


@pytest.mark.parametrize(
    ('extra', 'said'),
    [
        (('--part', '0/4'), '--part 0/4: give I/N'),
        (('--part', '5/4'), '--part 5/4: give I/N'),
        (('--part', '1/4', '--overwrite'), 'leave out --overwrite'),
        (('--finish',), 'holds no maps in parts'),
        (('--cpus-per-worker', '2'), '--cpus-per-worker 2: give 1 or more, with --ray'),
        (('--ray', 'nowhere'), '--ray nowhere: give auto, or HOST:PORT'),
    ],
)
def test_bad_ways_to_share_are_one_line(files, raster, tmp_path, extra, said, capsys):
    if '--ray' in extra:
        pytest.importorskip('ray', reason='needs the extra ray')
    assert run_here('predict_raster', *files, raster, '--out', tmp_path / 'out', *SMALL, *extra) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert said in line
    assert not (tmp_path / 'out').exists()


def start(processes, *arguments):
    script = Path(__file__).with_name('tiny_predict.py')
    launcher = ('-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={processes}')
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (REPO, REPO / 'tests'))), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, *launcher, script, *arguments]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, env=env)


@pytest.mark.slow  # two processes that import everything
def test_processes_share_rasters_and_rows_and_give_the_same_bytes(files, raster, tmp_path):
    second = write_raster(tmp_path / 'second.tif', noise(3, (40, 50), seed=3))
    (tmp_path / 'bad.tif').write_bytes(b'nothing')
    options = ('--prob', 'uint8', '--uncertainty', *SMALL)
    with configs_laid_out():
        assert run_here('predict_raster', *files, raster, second, '--out', tmp_path / 'one', *options) == 0
    ran = start(2, *files, raster, second, tmp_path / 'bad.tif', '--out', tmp_path / 'two', *options)
    made = sorted(path.name for path in (tmp_path / 'two').glob('*.tif'))
    assert made == [f'{name}_{what}.tif' for name in ('ortho', 'second') for what in WHAT], ran.stderr
    for name in made:
        assert (tmp_path / 'two' / name).read_bytes() == (tmp_path / 'one' / name).read_bytes()
    assert ran.stderr.count('error: 1 of 3 rasters failed, see above: bad.tif') == 1
    assert ran.stderr.count('failed: ') == 1
    assert ran.returncode != 0


@pytest.mark.parametrize(
    ('name', 'bands_said'),
    [('naip_santa_monica_2020_rgbn_60cm_nodata', ()), ('naip_north_dakota_2014_rgbn_5m', ('--bands', '1,2,3'))],
)
def test_real_rasters_keep_their_place_and_their_nodata(files, shared, tmp_path, name, bands_said):
    raster = shared / 'data' / 'geotiff' / f'{name}.tif'
    assert run_here('predict_raster', *files, raster, '--out', tmp_path, *bands_said, '--device', 'cpu') == 0
    out = tmp_path / f'{name}_classes.tif'
    assert cog_validate(out, strict=True) == (True, [], [])
    with rasterio.open(out) as made, rasterio.open(raster) as given:
        assert (made.crs, made.transform, made.shape) == (given.crs, given.transform, given.shape)
        hole = (given.read([1, 2, 3]) == 0).all(axis=0)
        np.testing.assert_array_equal(made.read(1) == 255, hole)
        assert hole.any() == ('nodata' in name)
