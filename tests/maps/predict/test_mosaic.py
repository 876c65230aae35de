"""Mosaics: each raster's map is what the map of all of them as one raster shows there, to the byte."""

import json
import os

import numpy as np
import pytest
import rasterio
from affine import Affine
from map_support import StubModel
from mosaic_support import LAYOUTS, composed, read, sheets, vrt
from raster_support import METRE, noise, write_raster

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.mosaic import find_mosaics
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster import mosaic as raster_mosaic


class Heard(list):
    """A listener, and what it was told."""

    def begins(self, count):
        pass

    def on_block(self, path):
        pass

    def note(self, text):
        self.append(text)


def predict(paths, folder, model=None, heard=None, on_top='order', **settings):
    """Predict rasters as mosaics and return what failed."""
    model, settings = model or StubModel(shifted=True), MapSettings(**settings)
    heard = Heard() if heard is None else heard
    outs = dict(zip(paths, map_paths(paths, folder), strict=True))
    mosaics, broken = find_mosaics(model.facts, outs, settings=settings, on_top=on_top, note=heard.append)
    grounds = [one if len(one.members) > 1 else one.members[0].path for one in mosaics]
    firsts = [min(member.out for member in one.members) for one in mosaics]
    failed, _ = predict_rasters(model, grounds, firsts, settings=settings, listener=heard)
    return {**{grounds[number]: text for number, text in failed.items()}, **broken}


def map_of(raster):
    """Return the class map of a single raster, with its probabilities beside it."""
    out = raster.with_name('whole_classes.tif')
    return predict_raster(StubModel(shifted=True), raster, out, MapSettings(probabilities='uint8'))


def check_maps(paths, folder, layout, whole):
    """Assert that the map of each raster is that part of the whole map."""
    for path, (top, left, height, width) in zip(paths, layout, strict=True):
        for kind in ('classes', 'prob'):
            expected = read(whole.with_name(f'whole_{kind}.tif'))[:, top : top + height, left : left + width]
            np.testing.assert_array_equal(read(folder / f'{path.stem}_{kind}.tif'), expected)


@pytest.mark.parametrize('layout', LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize('holes', [False, True])
def test_each_map_is_that_part_of_the_map_of_a_vrt(tmp_path, layout, holes):
    paths = sheets(tmp_path / 'in', layout, holes=holes)
    one = vrt(tmp_path / 'all.vrt', paths)
    model, alone = StubModel(shifted=True), StubModel(shifted=True)
    whole = predict_raster(alone, one, tmp_path / 'whole_classes.tif', MapSettings(probabilities='uint16'))
    assert predict(paths, tmp_path / 'out', model, probabilities='uint16') == {}
    check_maps(paths, tmp_path / 'out', layout, whole)
    assert model.count == alone.count  # each place once


def test_the_nearest_raster_is_on_top_where_that_is_asked_for(tmp_path):
    layout = LAYOUTS['odd offsets and overlaps']
    paths = sheets(tmp_path / 'in', layout, holes=True)
    ground = write_raster(tmp_path / 'all.tif', composed(paths, layout, nearest=True), nodata=0)
    whole = map_of(ground)
    predict(paths, tmp_path / 'out', on_top='nearest', probabilities='uint8')
    check_maps(paths, tmp_path / 'out', layout, whole)


# From the oldest to the newest, in the forms of TIFF and of ISO 8601.
DATES = ['2021:02:28 22:00:00', '2021-02-28T22:30:00Z', '2021-03-01T01:00:00+02:00', '2021:10:01 00:00:00']


@pytest.mark.parametrize('dated', ['by tag', 'by file'])
def test_the_newest_raster_is_on_top_where_that_is_asked_for(tmp_path, dated):
    layout, order = LAYOUTS['odd offsets and overlaps'], [3, 1, 0, 2]
    paths = sheets(tmp_path / 'in', layout)
    for age, number in enumerate(order):
        if dated == 'by tag':
            with rasterio.open(paths[number], 'r+') as one:
                one.update_tags(TIFFTAG_DATETIME=DATES[age])
        else:
            os.utime(paths[number], (1_000_000 + age, 1_000_000 + age))
    ground = write_raster(tmp_path / 'all.tif', composed(paths, layout, order=order), nodata=0)
    whole = map_of(ground)
    heard = Heard()
    predict(paths, tmp_path / 'out', heard=heard, on_top='newest', probabilities='uint8')
    check_maps(paths, tmp_path / 'out', layout, whole)
    assert ('written last' in heard[0]) is (dated == 'by file')


def test_where_some_say_when_they_were_taken_and_others_do_not_the_newest_is_not_known(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['side by side'])
    with rasterio.open(paths[0], 'r+') as one:
        one.update_tags(TIFFTAG_DATETIME='2020:01:01 12:00:00')
    with pytest.raises(ConfigError, match=r'b\.tif does not say when it was taken .* or give --on-top order'):
        predict(paths, tmp_path / 'out', on_top='newest')


def test_what_is_not_a_date_is_refused(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['side by side'])
    for path in paths:
        with rasterio.open(path, 'r+') as one:
            one.update_tags(TIFFTAG_DATETIME='12/31/2021 10:00')
    with pytest.raises(ConfigError, match=r'at "12/31/2021 10:00", which is not a date: .* or give --on-top order'):
        predict(paths, tmp_path / 'out', on_top='newest')


def test_the_order_in_which_rasters_are_named_counts(tmp_path):
    layout = LAYOUTS['odd offsets and overlaps']
    paths = sheets(tmp_path / 'in', layout)
    one = vrt(tmp_path / 'all.vrt', paths[::-1])
    whole = map_of(one)
    predict(paths[::-1], tmp_path / 'out', probabilities='uint8')
    check_maps(paths, tmp_path / 'out', layout, whole)


def test_what_a_user_calls_nodata_is_filled_by_the_raster_below(tmp_path):
    layout = LAYOUTS['one in another']
    paths = sheets(tmp_path / 'in', layout)
    with rasterio.open(paths[1], 'r+') as collar:  # it does not say that 0 is nothing
        collar.write(np.zeros((3, 11, 5), np.uint8), window=((0, 11), (0, 5)))
    ground = write_raster(tmp_path / 'all.tif', composed(paths, layout), nodata=0)
    whole = map_of(ground)
    predict(paths, tmp_path / 'out', probabilities='uint8', nodata=0)
    check_maps(paths, tmp_path / 'out', layout, whole)


def test_few_files_are_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(raster_mosaic, 'MOST_OPEN', 2)
    layout = LAYOUTS['odd offsets and overlaps']
    paths = sheets(tmp_path / 'in', layout)
    whole = predict_raster(
        StubModel(shifted=True),
        vrt(tmp_path / 'all.vrt', paths),
        tmp_path / 'whole_classes.tif',
        MapSettings(probabilities='uint8'),
    )
    predict(paths, tmp_path / 'out', probabilities='uint8')
    check_maps(paths, tmp_path / 'out', layout, whole)


def test_a_raster_that_touches_no_other_gets_the_map_that_it_gets_alone(tmp_path):
    paths = sheets(tmp_path / 'in', [(0, 0, 40, 33), (0, 33, 40, 28), (200, 0, 30, 30)])
    heard = Heard()
    predict(paths, tmp_path / 'out', heard=heard)
    alone = predict_raster(StubModel(shifted=True), paths[2], tmp_path / 'alone_classes.tif')
    assert (tmp_path / 'out' / 'c_classes.tif').read_bytes() == alone.read_bytes()
    assert heard == ['3 rasters: 1 mosaic, and 1 that touch no other']


def test_a_run_that_was_cut_off_goes_on_with_equal_bytes(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['odd offsets and overlaps'])
    predict(paths, tmp_path / 'whole')

    class Stopped(Heard):
        def on_block(self, path):
            self.append(path)
            if len(self) == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(paths, tmp_path / 'out', heard=Stopped())
    assert not list((tmp_path / 'out').glob('*.tif'))
    with pytest.raises(ConfigError, match='holds an unfinished run'):
        predict(paths, tmp_path / 'out')
    with pytest.raises(ConfigError, match='was begun with other settings'):
        predict(paths[:3], tmp_path / 'out', resume=True)
    model, heard = StubModel(shifted=True), Heard()
    predict(paths, tmp_path / 'out', model, resume=True)
    for path in map_paths(paths, tmp_path / 'out'):
        assert path.read_bytes() == (tmp_path / 'whole' / path.name).read_bytes()
    predict(paths, tmp_path / 'out', model, heard, resume=True)
    assert [note.split('/')[-1] for note in heard[1:]] == ['a_classes.tif is finished']
    with pytest.raises(ConfigError, match=r'a_classes\.tif exists'):
        predict(paths, tmp_path / 'out')
    assert predict(paths, tmp_path / 'out', overwrite=True) == {}


def test_a_raster_that_changes_while_it_is_predicted_is_found_out(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['side by side'])

    class Changing(Heard):
        def on_block(self, path):
            write_raster(paths[1], noise(3, (40, 28), seed=9), transform=METRE @ Affine.translation(33, 0))

    [(_, text)] = predict(paths, tmp_path / 'out', heard=Changing()).items()
    assert 'b.tif had other content' in text


def test_a_bad_raster_is_told_and_the_others_are_a_mosaic_without_it(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['odd offsets and overlaps'])
    paths[1].write_bytes(b'no raster')
    failed = predict(paths, tmp_path / 'out')
    assert list(failed) == [paths[1]]
    assert sorted(path.name for path in (tmp_path / 'out').glob('*.tif')) == [
        'a_classes.tif', 'c_classes.tif', 'd_classes.tif',
    ]  # fmt: skip


UNLIKE = {
    'two pixel sizes': ({'transform': METRE @ Affine.translation(33, 0) @ Affine.scale(2)}, 'their pixels differ'),
    'two systems': ({'crs': 'EPSG:25833'}, r'reference systems differ \(EPSG:32633, EPSG:25833\)'),
    'no common grid': ({'transform': METRE @ Affine.translation(32.6, 0.2)}, 'lie -0.4 and 0.2 of a pixel beside'),
}


@pytest.mark.parametrize(('other', 'what'), UNLIKE.values(), ids=UNLIKE)
def test_rasters_that_meet_and_are_not_on_one_grid_are_refused(tmp_path, other, what):
    first = write_raster(tmp_path / 'a.tif', noise(3, (40, 33)))
    settings = {'transform': METRE @ Affine.translation(33, 0), **other}
    second = write_raster(tmp_path / 'b.tif', noise(3, (40, 28), seed=1), **settings)
    model = StubModel()
    with pytest.raises(ConfigError, match=rf'{what}.*two runs.*gdalwarp (-t_srs EPSG:32633 )?-tr 1 1 -te 5000'):
        predict([first, second], tmp_path / 'out', model)
    assert model.count == 0
    assert not (tmp_path / 'out').exists()


def test_rasters_that_do_not_meet_are_told_apart(tmp_path):
    first = write_raster(tmp_path / 'a.tif', noise(3, (40, 33)))
    coarse = write_raster(tmp_path / 'b.tif', noise(3), transform=METRE @ Affine.translation(500, 0) @ Affine.scale(2))
    bare = write_raster(tmp_path / 'c.tif', noise(3), transform=None, crs=None)
    again = write_raster(tmp_path / 'd.tif', noise(3), transform=None, crs=None)
    local = write_raster(tmp_path / 'e.tif', noise(3), crs=None)
    far = write_raster(tmp_path / 'f.tif', noise(3), crs='EPSG:4326', transform=Affine(1e-5, 0, 11, 0, -1e-5, 50))
    heard = Heard()
    assert predict([first, coarse, bare, again, local, far], tmp_path / 'out', heard=heard) == {}
    assert heard == ['6 rasters: 0 mosaics, and 6 that touch no other']
    assert len(list((tmp_path / 'out').glob('*.tif'))) == 6


def test_without_the_option_rasters_that_touch_are_noted_in_one_line(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['odd offsets and overlaps'])
    heard = Heard()
    predict_rasters(StubModel(), paths, map_paths(paths, tmp_path / 'out'), settings=MapSettings(), listener=heard)
    [note] = heard
    assert note.startswith('a.tif, b.tif, c.tif and 1 more touch or overlap on one grid')
    assert '--mosaic' in note


def test_of_a_mosaic_those_outside_the_area_of_interest_get_no_map(tmp_path):
    paths = sheets(tmp_path / 'in', LAYOUTS['side by side'])
    ring = [[500_002, 5_799_970], [500_020, 5_799_970], [500_020, 5_799_990], [500_002, 5_799_970]]
    shape = {'type': 'Feature', 'properties': {}, 'geometry': {'type': 'Polygon', 'coordinates': [ring]}}
    named = {'type': 'name', 'properties': {'name': 'urn:ogc:def:crs:EPSG::32633'}}
    area = tmp_path / 'area.geojson'
    area.write_text(json.dumps({'type': 'FeatureCollection', 'crs': named, 'features': [shape]}))
    predict(paths, tmp_path / 'out', aoi=area)
    assert [path.name for path in (tmp_path / 'out').glob('*.tif')] == ['a_classes.tif']
