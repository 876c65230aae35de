"""Small rasters share batches: full ones, the same bytes, and all that holds for one raster holds still."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from map_support import THREE, Heard, Rounding, StubModel, names, write_area
from raster_support import METRE, noise, write_raster
from tiny_export import written
from tool_support import REPO

from mmseg_aux_hrnet.errors import ConfigError, RasterError, ResourceError
from mmseg_aux_hrnet.maps.predict import many
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

ONE, FOUR, LARGE = (16, 16), (26, 26), (40, 80)  # of 1, 4 and 32 windows of 16


def write(folder, *sizes, bands=3):
    """Write a raster of each size, apart from one another, and return their paths."""
    folder.mkdir(exist_ok=True)
    return [
        write_raster(
            folder / f'r{number:02d}.tif',
            noise(bands, size, seed=number),
            transform=METRE @ METRE.translation(1000 * number, 0),
        )
        for number, size in enumerate(sizes)
    ]


def run(rasters, folder, *, model=None, heard=None, kind=RasterMap, **settings):
    return predict_rasters(
        model or StubModel(shifted=True),
        rasters,
        map_paths(rasters, folder),
        settings=MapSettings(**settings),
        listener=Heard() if heard is None else heard,
        kind=kind,
    )


def sizes_of(model):
    return [len(images) for images in model.windows]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in ('.tif', '.qml', '.xml')}


def apart(rasters, folder, *, model=None, **settings):
    """Make each map on its own, and return all files."""
    for raster, out in zip(rasters, map_paths(rasters, folder), strict=True):
        predict_raster(model or StubModel(shifted=True), raster, out, MapSettings(**settings))
    return content(folder)


@pytest.mark.parametrize(
    ('sizes', 'batch_size', 'batches'),
    [
        ([ONE] * 20, 8, [8, 8, 4]),
        ([ONE] * 5, 1, [1] * 5),
        ([FOUR] * 5, 8, [8, 8, 4]),
        ([FOUR, ONE, FOUR, LARGE, FOUR, ONE], 10, [10] * 3 + [2] + [9, 5]),
        ([(10, 16), ONE, (10, 16), ONE], 2, [2, 2]),
    ],
)
def test_batches_are_full(tmp_path, sizes, batch_size, batches):
    model, rasters = StubModel(shifted=True), write(tmp_path / 'in', *sizes)
    assert run(rasters, tmp_path / 'out', model=model, batch_size=batch_size) == ({}, [])
    assert sizes_of(model) == batches
    assert content(tmp_path / 'out') == apart(rasters, tmp_path / 'apart', batch_size=batch_size)


def test_small_rasters_of_other_sizes_to_the_model_stay_apart(tmp_path):
    model = StubModel(gsd=1.0)
    rasters = write(tmp_path / 'in', *[ONE] * 4)
    for number in (1, 3):  # pixels of half a metre
        write_raster(rasters[number], noise(3, (16, 16)), transform=METRE @ METRE.scale(0.5))
    run(rasters, tmp_path / 'out', model=model, batch_size=4, gsd=1.0)
    assert sorted((images.shape[:2]) for images in model.windows) == [(2, 8), (2, 16)]
    assert content(tmp_path / 'out') == apart(rasters, tmp_path / 'apart', model=model, gsd=1.0)


@pytest.mark.parametrize('settings', [{'probabilities': 'uint16', 'uncertainty': True}, {'overlap': 0.8}])
def test_all_files_of_a_map_are_those_of_the_raster_alone(tmp_path, settings):
    rasters = write(tmp_path / 'in', ONE, FOUR, (20, 16), (16, 33), ONE, (26, 17))
    model = StubModel(shifted=True, legend=THREE)
    run(rasters, tmp_path / 'out', model=model, batch_size=60, **settings)
    assert len(model.windows) == 1
    assert content(tmp_path / 'out') == apart(rasters, tmp_path / 'apart', model=model, **settings)


def test_holes_and_what_an_area_leaves_out_are_not_predicted(tmp_path):
    rasters = write(tmp_path / 'in', *[FOUR] * 6)
    values = noise(3, FOUR)
    values[:, :, 10:] = 0
    write_raster(rasters[1], values, nodata=0)
    write_raster(rasters[2], np.zeros_like(values), nodata=0)
    area = write_area(tmp_path / 'area.geojson', (500_000, 5_799_990, 502_500, 5_799_995))
    model, heard = StubModel(shifted=True), Heard()
    failed, outside = run(rasters, tmp_path / 'out', model=model, heard=heard, batch_size=8, aoi=area)
    assert (failed, outside) == ({}, [3, 4, 5])
    assert sum(note.startswith('left out') for note in heard.notes()) == 3
    made = content(tmp_path / 'out')
    assert made == apart(rasters[:3], tmp_path / 'apart', aoi=area)
    assert len(made) == 3 * 3


def test_a_bad_raster_in_the_middle_fails_alone(tmp_path):
    rasters = write(tmp_path / 'in', *[FOUR] * 6)
    whole = content(tmp_path / 'in')
    moved = METRE @ METRE.translation(2000, 0)
    broken = bytearray(write_raster(rasters[2], noise(3, FOUR), transform=moved, compress='deflate').read_bytes())
    broken[600:1200] = bytes(600)
    rasters[2].write_bytes(broken)
    model, heard = Rounding(), Heard()
    failed, _ = run(rasters, tmp_path / 'out', model=model, heard=heard, batch_size=24)
    assert list(failed) == [2]
    assert sizes_of(model) == [20]
    assert [note.startswith(f'failed: {rasters[2]}') for note in heard.notes()] == [True]
    assert names(tmp_path / 'out') == ['.r02_classes.tif.work', *(f'r{n:02d}_classes.tif' for n in (0, 1, 3, 4, 5))]
    rasters[2].write_bytes(whole[rasters[2].name])
    model = Rounding()
    assert run(rasters, tmp_path / 'out', model=model, batch_size=24, resume=True) == ({}, [])
    assert sizes_of(model) == [24]  # as in a run that was whole
    assert len(content(tmp_path / 'out')) == 3 * 6


def test_a_model_that_refuses_the_windows_fails_all_of_them(tmp_path):
    class Refusing(StubModel):
        def predict(self, images):
            raise ConfigError('this network cannot predict windows of 16 x 16 pixels')

    failed, _ = run(write(tmp_path / 'in', *[ONE] * 3), tmp_path / 'out', model=Refusing(), batch_size=4)
    assert sorted(failed) == [0, 1, 2]


@pytest.mark.parametrize('place', ['read', 'predict', 'complete'])
def test_what_concerns_all_rasters_ends_everything_and_frees_all_locks(tmp_path, monkeypatch, place):
    def full(*args, **kwargs):
        raise ResourceError('disk full')

    rasters, model = write(tmp_path / 'in', *[ONE] * 6), StubModel(shifted=True)
    with monkeypatch.context() as patch:
        if place == 'predict':
            patch.setattr(model, 'predict', full)
        else:
            patch.setattr(RasterMap, 'note_content' if place == 'read' else 'complete', full)
        with pytest.raises(ResourceError, match='disk full'):
            run(rasters, tmp_path / 'out', model=model, batch_size=2)
    assert not [*(tmp_path / 'out').glob('*_classes.tif'), *(tmp_path / 'out').glob('.*.lock')]
    assert run(rasters, tmp_path / 'out', batch_size=2, resume=True) == ({}, [])
    assert content(tmp_path / 'out') == apart(rasters, tmp_path / 'apart')


def test_a_run_that_goes_on_has_the_batches_of_one_without_a_break(tmp_path, monkeypatch):
    rasters = write(tmp_path / 'in', *[ONE] * 3, LARGE, *[FOUR] * 5)
    settings = {'batch_size': 6, 'probabilities': 'uint16'}
    run(rasters, tmp_path / 'whole', model=Rounding(), **settings)
    complete = RasterMap.complete

    def failing(raster_map):
        if raster_map.path in (rasters[1], rasters[6], rasters[8]):
            raise RasterError(f'{raster_map.path} broke')
        complete(raster_map)

    with monkeypatch.context() as patch:
        patch.setattr(RasterMap, 'complete', failing)
        assert sorted(run(rasters, tmp_path / 'out', model=Rounding(), **settings)[0]) == [1, 6, 8]
    blocks = [*(tmp_path / 'out' / '.r06_classes.tif.work').glob('block_*')]
    assert len(blocks) == 2
    blocks[0].unlink()  # of one, some rows are left; of another, nothing but its file; of the third, all
    for block in (tmp_path / 'out' / '.r08_classes.tif.work').glob('block_*'):
        block.unlink()
    model = Rounding()
    assert run(rasters, tmp_path / 'out', model=model, resume=True, **settings) == ({}, [])
    assert content(tmp_path / 'out') == content(tmp_path / 'whole')
    assert 8 <= model.count < 24 - 3


def test_a_finished_map_whose_raster_only_fills_batches_cannot_fail(tmp_path, monkeypatch):
    rasters = write(tmp_path / 'in', *[ONE] * 3)
    run(rasters, tmp_path / 'out', batch_size=4)
    (tmp_path / 'out' / 'r01_classes.tif').unlink()
    monkeypatch.setattr(StubModel, 'predict', lambda *args: (_ for _ in ()).throw(ConfigError('cannot')))
    assert run(rasters, tmp_path / 'out', batch_size=4, resume=True) == ({1: 'cannot'}, [])


def test_a_map_that_another_run_makes_meanwhile_fails_alone(tmp_path):
    rasters = write(tmp_path / 'in', *[ONE] * 4)
    outs = map_paths(rasters, tmp_path / 'out')

    class Meeting(Heard):
        def begins(self, count):
            self.other = RasterMap(StubModel(), rasters[2], outs[2], MapSettings()).locked()
            self.other.__enter__()

    heard = Meeting()
    failed, _ = run(rasters, tmp_path / 'out', heard=heard, batch_size=4)
    heard.other.__exit__(None, None, None)
    assert list(failed) == [2]
    assert 'another process is making this map' in failed[2]
    assert names(tmp_path / 'out') == ['.r02_classes.tif.work', *(f'r{n:02d}_classes.tif' for n in (0, 1, 3))]


def test_each_process_fills_the_batches_of_its_own_share(tmp_path, monkeypatch):
    rasters, todo, calls = write(tmp_path / 'in', *[ONE] * 10), [], []
    monkeypatch.setattr(many, 'all_gather_object', lambda mine: [mine])

    def broadcast(told):  # only the first process knows what is to do
        todo.append(told[0])
        told[0] = todo[0]

    monkeypatch.setattr(many, 'broadcast_object_list', broadcast)
    for process in (0, 1):
        monkeypatch.setattr(many, 'get_dist_info', lambda process=process: (process, 2))
        model = StubModel(shifted=True)
        assert run(rasters, tmp_path / 'out', model=model, batch_size=4) == ({}, [])
        calls.append(sizes_of(model))
    assert calls == [[4, 1], [4, 1]]
    assert content(tmp_path / 'out') == apart(rasters, tmp_path / 'apart')


def test_maps_are_locked_while_their_windows_wait(tmp_path):
    rasters, refused = write(tmp_path / 'in', *[ONE] * 4), []

    class Looking(StubModel):
        def predict(self, images):
            with pytest.raises(ConfigError) as error:
                run(rasters, tmp_path / 'out', overwrite=True)
            refused.append(str(error.value))
            return super().predict(images)

    assert run(rasters, tmp_path / 'out', model=Looking(), batch_size=4) == ({}, [])
    assert 'another process is making this map' in refused[0]
    assert run(rasters, tmp_path / 'out', batch_size=4, overwrite=True) == ({}, [])


def test_a_network_gives_the_same_maps_up_to_rounding(tmp_path):
    predictor = Predictor.from_files(*written(tmp_path, name='tiny'), device='cpu')
    rasters = write(tmp_path / 'in', (96, 96), (96, 130), (96, 96), (130, 96))
    settings = {'window': 96, 'probabilities': 'uint8'}
    run(rasters, tmp_path / 'out', model=predictor, batch_size=8, **settings)
    apart(rasters, tmp_path / 'apart', model=predictor, **settings)
    differing = count = 0
    for path in (tmp_path / 'apart').glob('*.tif'):
        with rasterio.open(path) as one, rasterio.open(tmp_path / 'out' / path.name) as other:
            difference = np.abs(one.read().astype(int) - other.read())
        assert difference.max() <= 1
        if path.stem.endswith('_classes'):
            differing, count = differing + np.count_nonzero(difference), count + difference.size
    assert differing < 1e-4 * count
    assert count == 96 * (96 + 130) * 2


@pytest.mark.slow  # processes that are killed and started again
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the runs that are killed are forked')
def test_killed_runs_over_small_rasters_go_on_to_the_same_bytes(tmp_path):
    rasters = write(tmp_path / 'in', ONE, ONE, FOUR, ONE, ONE)
    script = [sys.executable, Path(__file__).with_name('killed_small.py'), tmp_path / 'runs', *rasters]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (REPO, REPO / 'tests')))}
    ran = subprocess.run([*map(str, script)], capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    whole, *runs = [json.loads(line) for line in ran.stdout.splitlines()]
    expected = content(tmp_path / 'runs' / whole['out'])
    assert sum(name.endswith('.tif') for name in expected) == 10
    assert len(runs) > 3
    assert min(run['finished'] for run in runs) == 0
    for run in runs:
        assert content(tmp_path / 'runs' / run['out']) == expected
        assert run['left'] == []
