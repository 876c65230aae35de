"""Where a map is unsure: what the values are, and that the file keeps the promises of the others."""

import numpy as np
import pytest
import rasterio
from map_support import GREEN, THREE, THRESHOLD, StubModel
from raster_support import noise, write_raster
from rio_cogeo import cog_validate

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.class_map.uncertainty import open_uncertainty
from mmseg_aux_hrnet.maps.predict.many import map_paths
from mmseg_aux_hrnet.maps.predict.map_files import in_steps, uncertainty
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


def planes(*rows):
    """Return probabilities, float32 (classes, 1, pixels), of one row a pixel."""
    return np.array(rows, np.float32).T[:, None]


def test_without_a_threshold_it_is_one_less_the_margin():
    given = planes([1, 0, 0], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.4, 0.2, 0.4], [0, 0.1, 0.9])
    np.testing.assert_allclose(uncertainty(given, decision=None)[0], [0, 0.75, 0.75, 1, 0.2], atol=1e-6)


def test_of_many_classes_it_is_what_sorting_gives():
    given = np.random.default_rng(0).dirichlet(np.ones(7), (9, 11)).astype(np.float32).transpose(2, 0, 1)
    least = np.sort(given, axis=0)
    np.testing.assert_allclose(uncertainty(given, decision=None), 1 - (least[-1] - least[-2]), atol=1e-6)


def test_a_threshold_is_where_the_model_is_least_sure():
    share = [0, 0.125, 0.25, 0.625, 1]
    found = uncertainty(planes(*([1 - p, p] for p in share)), decision=THRESHOLD)  # green from 0.25
    np.testing.assert_allclose(found[0], [0, 0.5, 1, 0.5, 0], atol=1e-6)


def test_at_one_half_both_rules_are_one():
    green = np.linspace(0, 1, 101, dtype=np.float32)
    given = np.stack([1 - green, green])[:, None]
    by_threshold = uncertainty(given, decision=Threshold('green', 0.5, 1))
    np.testing.assert_allclose(by_threshold, uncertainty(given, decision=None), atol=1e-6)


@pytest.mark.parametrize('value', [1e-40, 1 - 1e-12])
def test_thresholds_at_the_ends_give_numbers(value):
    found = uncertainty(planes([1, 0], [0.5, 0.5], [0, 1]), decision=Threshold('green', value, 1))
    assert np.isfinite(found).all()


def test_steps_are_whole_and_nodata_lies_above():
    shares = np.array([[[0, 0.25 / 254, 0.5 / 254, 1, 0.3]]], np.float32)
    valid = np.array([[True, True, True, True, False]])
    np.testing.assert_array_equal(in_steps(shares, valid, depth='uint8'), [[[0, 0, 1, 254, 255]]])


def run(raster, model=None, *, name='map_classes.tif', **settings):
    settings = MapSettings(uncertainty=True, **settings)
    return predict_raster(model or StubModel(shifted=True), raster, raster.with_name(name), settings)


@pytest.fixture
def raster(tmp_path):
    values = noise(3, (61, 70))
    values[:, :20, :30] = 0
    return write_raster(tmp_path / 'ortho.tif', values, nodata=0)


@pytest.mark.parametrize(('legend', 'decision'), [(GREEN, None), (GREEN, THRESHOLD), (THREE, None)])
def test_the_file_holds_what_the_probabilities_give(raster, legend, decision):
    run(raster, StubModel(legend=legend, decision=decision))
    with rasterio.open(raster) as image, rasterio.open(raster.with_name('map_uncertainty.tif')) as made:
        second, hole = image.read(1) / np.float32(256), image.read_masks(1) == 0
        given = np.stack([1 - second, second])
        expected = uncertainty(given, decision=decision)
        found = made.read(1)
        assert (made.dtypes, made.nodata, made.crs, made.transform) == (
            ('uint8',),
            255,
            image.crs,
            image.transform,
        )
        assert made.scales[0] == pytest.approx(1 / 254)
        meaning = 'to the threshold 0.25' if decision else '1 - margin'
        assert meaning in made.descriptions[0]
        assert meaning in made.tags()['UNCERTAINTY']
    np.testing.assert_array_equal(found == 255, hole)
    assert np.abs(found / 254 - expected)[~hole].max() <= 0.5 / 254 + 1e-5
    assert cog_validate(raster.with_name('map_uncertainty.tif'))[0]


def test_the_class_map_is_the_same_with_it_and_without(raster):
    with_it = run(raster)
    alone = predict_raster(StubModel(shifted=True), raster, raster.with_name('alone_classes.tif'))
    with rasterio.open(with_it) as one, rasterio.open(alone) as other:
        np.testing.assert_array_equal(one.read(), other.read())
        assert one.tags()['RUN_SHA256'] != other.tags()['RUN_SHA256']


def test_it_says_how_it_is_shown(raster):
    run(raster)
    style = raster.with_name('map_uncertainty.qml').read_text()
    assert 'singlebandpseudocolor' in style
    assert 'value="0" color="#ffffb2" alpha="0"' in style
    assert 'value="1" color="#bd0026" alpha="255"' in style


def test_a_run_that_was_cut_off_gives_the_same_bytes(raster):
    whole = run(raster, name='whole_classes.tif')
    raster_map = RasterMap(
        StubModel(shifted=True), raster, raster.with_name('map_classes.tif'), MapSettings(uncertainty=True)
    )
    with raster_map.locked():
        raster_map.begin()
        raster_map.note_content()
        raster_map.predict(raster_map.missing()[:2])
    again = StubModel(shifted=True)
    run(raster, again, resume=True)
    assert 0 < again.count
    for name in ('classes', 'uncertainty'):
        part, other = raster.with_name(f'map_{name}.tif'), whole.with_name(f'whole_{name}.tif')
        assert part.read_bytes() == other.read_bytes()


def test_a_finished_map_is_kept_and_one_without_it_is_not_taken_for_it(raster):
    run(raster)
    again = StubModel(shifted=True)
    run(raster, again, resume=True)
    assert again.count == 0
    raster.with_name('map_uncertainty.tif').unlink()
    with pytest.raises(ConfigError, match='was made with other settings'):
        run(raster, resume=True)


def test_a_raster_of_the_name_is_not_overwritten(tmp_path):
    rasters = [write_raster(tmp_path / f'{name}.tif', noise()) for name in ('a', 'a_uncertainty')]
    with pytest.raises(ConfigError, match='would overwrite the raster'):
        map_paths(rasters, tmp_path)


def test_another_raster_is_not_taken_for_it(raster):
    with pytest.raises(Exception, match=r'ortho\.tif is not an uncertainty map') as raised:
        open_uncertainty(raster).__enter__()
    assert 'predict_raster.py --uncertainty' in str(raised.value)
