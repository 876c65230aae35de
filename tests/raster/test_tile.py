import numpy as np
import pytest
from raster_support import noise, write_raster

from mmseg_aux_hrnet.bands import Bands, make_bands
from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.raster.tile import read_bands

RGBN = ('red', 'green', 'blue', 'nir')


def read_tile(path, bands, **stored):
    image, valid = read_bands(path, bands, **stored)
    assert valid.all()
    return image


@pytest.mark.parametrize('order', [RGBN, ('nir', 'blue', 'red', 'green'), (*RGBN, 'swir')])
def test_channels_in_another_order_are_found_by_name(tmp_path, order):
    values = noise(len(order))
    path = write_raster(tmp_path / 'a.tif', values, descriptions=order)
    got = read_tile(path, Bands(RGBN))
    assert got.shape == (20, 30, 4) and got.dtype == np.uint8
    for channel, name in enumerate(RGBN):
        assert (got[..., channel] == values[order.index(name)]).all()


def test_colour_interpretation_names_what_no_description_does(tmp_path):
    values = noise(4)
    path = write_raster(
        tmp_path / 'a.tif', values, colours=('red', 'green', 'blue', 'undefined'), descriptions=('', '', '', 'NIR')
    )
    assert (read_tile(path, Bands(RGBN)) == np.moveaxis(values, 0, -1)).all()


def test_a_description_counts_more_than_what_gdal_makes_of_three_bands(tmp_path):
    values = noise(3)
    path = write_raster(
        tmp_path / 'a.tif', values, colours=('red', 'green', 'blue'), descriptions=('nir', 'red', 'green')
    )
    got = read_tile(path, Bands(('nir', 'red', 'green')))
    assert (got == np.moveaxis(values[::-1], 0, -1)).all()  # three channels lie in reverse
    with pytest.raises(ConfigError, match='no band is named blue'):
        read_tile(path, Bands())


def test_a_single_band_keeps_its_axis(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(2), descriptions=('red', 'nir'))
    assert read_tile(path, Bands(('nir',))).shape == (20, 30, 1)


@pytest.mark.parametrize('dtype', ['uint16', 'float32'])
def test_values_are_scaled_by_the_rule_of_their_band(tmp_path, dtype):
    values = np.array([[[0, 50, 100, 200]], [[0, 50, 100, 200]]], dtype)
    path = write_raster(tmp_path / 'a.tif', values, descriptions=('red', 'nir'))
    got = read_tile(path, make_bands(('nir', 'red'), [(0, 200), (50, 100)]))
    assert got[..., 0].tolist() == [[0, 64, 128, 255]]
    assert got[..., 1].tolist() == [[0, 0, 255, 255]]


def test_nothing_is_no_number(tmp_path):
    values = np.array([[[np.nan, np.inf, -np.inf, 1.0]]], np.float32)
    path = write_raster(tmp_path / 'a.tif', values, descriptions=('nir',))
    image, valid = read_bands(path, make_bands(('nir',), (0, 1)))
    assert image.ravel().tolist() == [0, 255, 0, 255] and valid.ravel().tolist() == [False, False, False, True]


def test_pixels_without_data_in_one_band_are_none(tmp_path):
    values = noise(2, dtype='uint16')
    values[1, 3, 4] = 0
    path = write_raster(tmp_path / 'a.tif', values, descriptions=('red', 'nir'), nodata=0)
    _, valid = read_bands(path, make_bands(('nir', 'red'), (0, 250)))
    assert np.argwhere(~valid).tolist() == [[3, 4]]


def test_sixteen_bits_without_a_rule_are_refused(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(4, dtype='uint16'), descriptions=RGBN)
    with pytest.raises(ConfigError, match=r'values are uint16, about 1 to 250: give the data set a "scale"'):
        read_tile(path, Bands(RGBN))


def test_a_file_without_the_band_is_refused_with_those_it_has(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(4), colours=('red', 'green', 'blue', 'alpha'))
    with pytest.raises(ConfigError, match=r'no band is named nir; the bands are 1 red, 2 green, 3 blue, 4 alpha'):
        read_tile(path, Bands(RGBN))


def test_the_data_set_names_bands_of_files_that_do_not(tmp_path):
    values = noise(4)
    path = write_raster(tmp_path / 'a.tif', values)  # which GDAL takes for red, green, blue and alpha
    stored = ('nir', 'red', 'green', 'blue')
    got = read_tile(path, Bands(RGBN), stored=stored)
    assert (got == np.moveaxis(values[[1, 2, 3, 0]], 0, -1)).all()
    with pytest.raises(ConfigError, match='4 bands without names, and the data set has nir, red, green:'):
        read_tile(path, Bands(('nir',)), stored=stored[:3])
    named = write_raster(tmp_path / 'b.tif', values, descriptions=RGBN)
    assert (read_tile(named, Bands(RGBN), stored=stored) == np.moveaxis(values, 0, -1)).all()


def test_a_damaged_file_is_one_line(tmp_path):
    path = tmp_path / 'a.tif'
    path.write_bytes(b'no raster')
    with pytest.raises(RasterError, match='cannot be opened as a raster'):
        read_tile(path, Bands(RGBN))
