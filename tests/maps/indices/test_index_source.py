import numpy as np
import pytest
from raster_support import noise, write_raster
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.maps.indices.formulas import INDICES
from mmseg_aux_hrnet.maps.indices.source import IndexReading, open_index, parse_span

NAMES = ('red', 'green', 'blue', 'nir')
ALL = Window(0, 0, 30, 20)


def read(path, index='ndvi', **options):
    with open_index(path, IndexReading.parse(INDICES[index], **options)) as source:
        return source.read(ALL), source


def ndvi(values):
    red, nir = values[0].astype(float), values[3].astype(float)
    return (nir - red) / (nir + red)


@pytest.mark.parametrize('name', ['nir', 'NIR', 'near infrared', 'Near-Infrared', 'infrared'])
def test_bands_are_found_by_name(tmp_path, name):
    colours = ('red', 'green', 'blue', 'undefined')
    path = write_raster(tmp_path / 'a.tif', noise(4), descriptions=(*NAMES[:3], name), colours=colours)
    patch, source = read(path)
    np.testing.assert_array_equal(patch.values, ndvi(noise(4)))
    assert source.bands == (4, 1) and source.notes == ()


def test_bands_are_taken_by_number(tmp_path):
    patch, _ = read(write_raster(tmp_path / 'a.tif', noise(4), colours=['gray', *['undefined'] * 3]), bands='4,1')
    np.testing.assert_array_equal(patch.values, ndvi(noise(4)))


@pytest.mark.parametrize('index', ['vari', 'exg'])
def test_visible_indices_read_red_green_and_blue(tmp_path, index):
    values = noise(3)
    patch, _ = read(write_raster(tmp_path / 'a.tif', values, colours=('blue', 'green', 'red')), index)
    np.testing.assert_array_equal(patch.values, INDICES[index].values(*values[::-1].astype(float)))


def test_a_raster_without_near_infrared_is_refused_with_the_ways_out(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(3), colours=NAMES[:3])
    with pytest.raises(ConfigError) as error:
        read(path)
    for words in (str(path), '1 red, 2 green, 3 blue', '--bands 4,1', '--index vari or exg'):
        assert words in str(error.value)


@pytest.mark.parametrize(('bands', 'words'), [('4', 'NDVI needs 2'), ('4,1,2', 'NDVI needs 2'), ('nir,', 'needs 2')])
def test_malformed_bands_are_refused(bands, words):
    with pytest.raises(ConfigError, match=words):
        IndexReading.parse(INDICES['ndvi'], bands=bands)


def test_bands_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='no band is named 5'):
        read(write_raster(tmp_path / 'a.tif', noise(4)), bands='5,1')


def test_shadow_is_where_the_mean_of_the_bands_is_low(tmp_path):
    values = noise(4)
    patch, _ = read(write_raster(tmp_path / 'a.tif', values, descriptions=NAMES), min_brightness=100)
    np.testing.assert_array_equal(patch.dark, (values[0].astype(float) + values[3]) / 2 < 100)
    np.testing.assert_array_equal(patch.counted, ~patch.dark)


def test_nodata_and_zeros_do_not_count(tmp_path):
    values = noise(4)
    values[:, :5] = 0
    patch, _ = read(write_raster(tmp_path / 'a.tif', values, descriptions=NAMES, nodata=0))
    assert not patch.valid[:5].any() and patch.valid[5:].all()
    patch, _ = read(write_raster(tmp_path / 'b.tif', values, descriptions=NAMES))
    assert patch.valid.all() and not patch.counted[:5].any() and patch.counted[5:].all()


def test_values_near_nodata_do_not_count_where_asked(tmp_path):
    values = noise(4)
    values[:, :5] = 3
    path = write_raster(tmp_path / 'a.tif', values, descriptions=NAMES, nodata=0)
    patch, _ = read(path, tolerance=4)
    np.testing.assert_array_equal(patch.valid, ~((values[0] <= 4) & (values[3] <= 4)))
    with pytest.raises(ConfigError, match='nodata tolerance -1'):
        read(path, tolerance=-1)


def test_evi2_takes_8_bits_as_reflectance_and_says_so(tmp_path):
    values = noise(4)
    patch, source = read(write_raster(tmp_path / 'a.tif', values, descriptions=NAMES), 'evi2')
    expected = INDICES['evi2'].values(values[3] / 255, values[0] / 255)
    np.testing.assert_allclose(patch.values, expected, rtol=1e-12)
    assert '8-bit values 0 to 255 are taken as reflectance 0 to 1' in source.notes[0]


def test_evi2_of_other_types_needs_a_scale(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(4, dtype='uint16') * 20, descriptions=NAMES)
    with pytest.raises(ConfigError, match='EVI2 needs reflectance, and the values are uint16: give --scale'):
        read(path, 'evi2')
    patch, _ = read(path, 'evi2', scale='1000:11000')
    nir, red = ((noise(4)[band] * 20.0 - 1000) / 10000 for band in (3, 0))
    np.testing.assert_allclose(patch.values, INDICES['evi2'].values(nir, red), rtol=1e-9)


def test_ndvi_of_other_types_needs_none(tmp_path):
    patch, _ = read(write_raster(tmp_path / 'a.tif', noise(4, dtype='uint16') * 20, descriptions=NAMES))
    np.testing.assert_allclose(patch.values, ndvi(noise(4)), rtol=1e-12)


def test_maps_are_refused(tmp_path):
    path = write_raster(tmp_path / 'a.tif', noise(4), tags={'CLASS_NAMES': '["a", "b"]'}, descriptions=NAMES)
    with pytest.raises(DataError, match='is a predicted map'):
        read(path)


@pytest.mark.parametrize('text', ['0', '0:', '0.4:0', 'a:b', '0:1:2', '0:inf', 'nan:1'])
def test_malformed_spans_are_refused(text):
    with pytest.raises(ConfigError, match='--range is'):
        parse_span(text, option='--range')
