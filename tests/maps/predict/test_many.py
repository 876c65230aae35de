"""Many rasters: each its map, and one that is bad does not stop the others."""

import gc

import numpy as np
import pytest
import rasterio
from map_support import Heard, StubModel, names, write_area
from raster_support import noise, write_raster

from mmseg_aux_hrnet.errors import ConfigError, RasterError, ResourceError
from mmseg_aux_hrnet.maps.predict import raster_map
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


def run(rasters, folder, heard=None, model=None, **settings):
    listener = Heard() if heard is None else heard
    outs = map_paths(rasters, folder)
    return predict_rasters(model or StubModel(), rasters, outs, settings=MapSettings(**settings), listener=listener)


@pytest.fixture
def rasters(tmp_path):
    (tmp_path / 'in').mkdir()
    names = ('a', 'b', 'c')
    return [write_raster(tmp_path / 'in' / f'{name}.tif', noise(seed=seed)) for seed, name in enumerate(names)]


def test_each_raster_gets_its_map(rasters, tmp_path):
    heard = Heard()
    failed, outside = run(rasters, tmp_path / 'out', heard)
    assert (failed, outside) == ({}, [])
    assert names(tmp_path / 'out') == ['a_classes.tif', 'b_classes.tif', 'c_classes.tif']
    [(_, count)] = [said for said in heard if said[0] == 'begins']
    assert count == sum(kind == 'block' for kind, _ in heard) > 3


@pytest.mark.parametrize('broken', [False, True])
def test_a_map_is_forgotten_when_its_work_is_over(rasters, tmp_path, monkeypatch, broken):
    kept = []

    class Watching(Heard):
        def on_block(self, path):
            maps = [thing for thing in gc.get_objects() if isinstance(thing, RasterMap) and thing.path in rasters]
            kept.append((path.stem, len(maps)))

    def failing(raster_map):
        raise RasterError(f'{raster_map.path} is damaged')

    if broken:
        monkeypatch.setattr(RasterMap, 'complete', failing)
    failed, _ = run(rasters, tmp_path / 'out', Watching())
    assert len(failed) == (3 if broken else 0)
    assert sorted(set(kept)) == [('a', 3), ('b', 2), ('c', 1)]


@pytest.mark.parametrize('settings', [{}, {'resume': True}, {'overwrite': True}])
def test_each_raster_is_planned_once(rasters, tmp_path, monkeypatch, settings):
    planned, plan_map = [], raster_map.plan_map

    def counted(model, path, settings, **options):
        planned.append(path)
        return plan_map(model, path, settings, **options)

    monkeypatch.setattr(raster_map, 'plan_map', counted)
    run(rasters, tmp_path / 'out', **settings)
    assert planned == rasters


def test_a_bad_raster_is_told_at_once_and_the_others_get_their_maps(rasters, tmp_path):
    rasters[1].write_bytes(b'no raster')
    write_raster(rasters[2], noise(1))
    heard = Heard()
    failed, _ = run(rasters, tmp_path / 'out', heard)
    assert sorted(failed) == [1, 2]
    assert 'cannot be opened as a raster' in failed[1]
    assert [note.split(':')[0] for note in heard.notes()] == ['failed', 'failed']
    assert names(tmp_path / 'out') == ['a_classes.tif']


def test_a_raster_that_breaks_in_its_middle_fails_alone_and_can_go_on(rasters, tmp_path):
    content = bytearray(write_raster(rasters[0], noise(3, (400, 70)), compress='deflate').read_bytes())
    content[40_000:43_000] = bytes(3_000)
    rasters[0].write_bytes(content)
    failed, _ = run(rasters, tmp_path / 'out')
    assert list(failed) == [0]
    assert names(tmp_path / 'out') == ['.a_classes.tif.work', 'b_classes.tif', 'c_classes.tif']


def test_a_full_disk_ends_everything(rasters, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise ResourceError('disk full')

    monkeypatch.setattr(RasterMap, 'predict', full)
    with pytest.raises(ResourceError, match='disk full'):
        run(rasters, tmp_path / 'out')


def test_what_is_in_the_way_of_one_map_ends_everything_before_any_work(rasters, tmp_path):
    run(rasters[2:], tmp_path / 'out')
    model = StubModel()
    with pytest.raises(ConfigError, match=r'c_classes\.tif exists: replace it with --overwrite'):
        run(rasters, tmp_path / 'out', model=model)
    assert model.count == 0
    assert run(rasters, tmp_path / 'out', resume=True)[0] == {}


def test_finished_maps_are_kept_on_resume(rasters, tmp_path):
    run(rasters[:2], tmp_path / 'out')
    model, heard = StubModel(), Heard()
    run(rasters, tmp_path / 'out', heard, model, resume=True)
    notes = heard.notes()[1:]  # after that on rasters of one place
    assert [note.split('/')[-1] for note in notes] == ['a_classes.tif is finished', 'b_classes.tif is finished']
    assert model.count > 0


def test_only_the_area_of_interest_is_predicted(tmp_path):
    raster = write_raster(tmp_path / 'a.tif', noise(3, (64, 64)))  # its corner is 500000, 5800000; pixels of 1 m
    area = write_area(tmp_path / 'area.geojson', (500_010, 5_799_970, 500_020, 5_799_990))
    model = StubModel()
    run([raster], tmp_path / 'out', model=model, aoi=area, overlap=0.0)
    with rasterio.open(tmp_path / 'out' / 'a_classes.tif') as made:
        inside = made.read(1) != 255
    expected = np.zeros((64, 64), bool)
    expected[10:30, 10:20] = True
    np.testing.assert_array_equal(inside, expected)
    assert model.count < 25


def test_a_raster_outside_the_area_is_left_out_with_a_word(tmp_path, rasters):
    area = write_area(tmp_path / 'area.geojson', (1000, 1000, 1010, 1010))
    heard = Heard()
    failed, outside = run(rasters[:1], tmp_path / 'out', heard, aoi=area)
    assert (failed, outside) == ({}, [0])
    assert 'touches the raster' in heard.notes()[0]
    assert not (tmp_path / 'out').exists()


def test_two_rasters_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'x.a\.tif and .*y.a\.vrt would both become'):
        map_paths([tmp_path / 'x' / 'a.tif', tmp_path / 'y' / 'a.vrt'], tmp_path)


@pytest.mark.parametrize('name', ['a_classes.tif', 'a_prob.tif'])
def test_no_raster_is_overwritten_by_a_map(tmp_path, name):
    with pytest.raises(ConfigError, match='would overwrite the raster'):
        map_paths([tmp_path / 'a.tif', tmp_path / name], tmp_path)
