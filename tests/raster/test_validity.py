import numpy as np
import pytest
import rasterio
import rasterio.shutil
from raster_support import noise, write_raster
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.raster.dataset import open_dataset
from mmseg_aux_hrnet.raster.source import Reading, open_source
from mmseg_aux_hrnet.raster.validity import NoData, pixel_reader

HOLE = np.zeros((20, 30), bool)
HOLE[3:9, 10:25] = True


def read_whole(path, *, bands=None, scale=None):
    with open_source(path, Reading.parse(bands=bands, scale=scale)) as source:
        return source.read(Window(0, 0, source.width, source.height))


def test_colour_of_8_bits_is_nodata_only_where_all_bands_have_it(tmp_path):
    values = noise()
    values[:, HOLE] = 0
    values[1, 15] = 0  # a dark pixel
    path = write_raster(tmp_path / 'image.tif', values, nodata=0)
    assert (read_whole(path).valid == ~HOLE).all()
    with rasterio.open(path) as raster:
        assert (read_whole(path).valid == (raster.dataset_mask() > 0)).all()


def test_nodata_of_bands_that_are_not_read_does_not_count(tmp_path):
    values = noise(4)
    values[3, HOLE] = 0
    path = write_raster(tmp_path / 'image.tif', values, nodata=0, photometric='rgb', alpha='no')
    assert read_whole(path).valid.all()
    assert (read_whole(path, bands='4,4,4').valid == ~HOLE).all()


@pytest.mark.parametrize(('dtype', 'nodata'), [('int16', -9999), ('uint16', 0), ('float32', -9999), ('float64', 1e30)])
def test_nodata_of_other_types_in_one_band_is_enough(tmp_path, dtype, nodata):
    values = noise(dtype=dtype)
    values[1, HOLE] = nodata
    path = write_raster(tmp_path / 'image.tif', values, nodata=nodata)
    assert (read_whole(path, scale='0:250').valid == ~HOLE).all()


@pytest.mark.parametrize('nodata', [None, float('nan'), -1])
@pytest.mark.parametrize('gap', [np.nan, np.inf])
def test_what_is_no_number_is_not_valid_and_is_black(tmp_path, nodata, gap):
    values = noise(dtype='float32')
    values[2, HOLE] = gap
    image, valid = read_whole(write_raster(tmp_path / 'image.tif', values, nodata=nodata), scale='0:250')
    assert (valid == ~HOLE).all()
    assert (image[..., 2][HOLE] == (0 if np.isnan(gap) else 255)).all()


@pytest.mark.parametrize('inside', [True, False])
def test_mask_of_the_data_set_counts(tmp_path, inside):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside):
        path = write_raster(tmp_path / 'image.tif', noise(), mask=~HOLE)
    assert (tmp_path / 'image.tif.msk').exists() is not inside
    assert (read_whole(path).valid == ~HOLE).all()


@pytest.mark.parametrize(('dtype', 'least'), [('uint8', 1), ('uint16', 1)])
@pytest.mark.parametrize('count', [2, 4, 5])
def test_transparent_pixels_are_not_valid_and_half_transparent_ones_are(tmp_path, dtype, least, count):
    values = noise(count, dtype=dtype)
    values[-1] = np.where(HOLE, 0, least)
    names = {2: ('gray',), 4: ('red', 'green', 'blue'), 5: ('red', 'green', 'blue', 'undefined')}[count]
    path = write_raster(tmp_path / 'image.tif', values, colours=(*names, 'alpha'))
    bands = '1,1,1' if count == 2 else None
    assert (read_whole(path, bands=bands, scale='0:250').valid == ~HOLE).all()


def test_transparency_counts_beside_a_nodata_value(tmp_path):
    values = noise(4)
    values[3] = np.where(HOLE, 0, 255)
    values[:3, 15] = 7
    path = write_raster(tmp_path / 'image.tif', values, nodata=7, colours=('red', 'green', 'blue', 'alpha'))
    expected = ~HOLE
    expected[15] = False
    assert (read_whole(path).valid == expected).all()


def test_near_infrared_that_is_called_alpha_masks_nothing_and_is_noted(tmp_path):
    values = noise(4)
    values[3, HOLE] = 0  # water
    path = write_raster(tmp_path / 'image.tif', values, descriptions=('', '', '', 'NIR'))
    with open_source(path) as source:
        assert source.read(Window(0, 0, 30, 20)).valid.all()
        assert 'band 4 is interpreted as alpha but described as NIR' in source.notes[0]


@pytest.mark.parametrize('described', [(), ('', '', '', 'Alpha')])
def test_alpha_of_many_values_is_doubted(tmp_path, described):
    mask = np.where(HOLE, 0, 255).astype(np.uint8)
    soft = write_raster(tmp_path / 'soft.tif', np.stack([*noise(), mask]), descriptions=described)
    with open_source(soft) as source:
        assert source.notes == ()
    with open_source(write_raster(tmp_path / 'nir.tif', noise(4), descriptions=described)) as source:
        count = len(np.unique(noise(4)[3]))
        assert f'has {count} different values' in source.notes[0]


def test_mask_of_one_band_counts(tmp_path):
    values = noise(dtype='uint16')
    write_raster(tmp_path / 'image.tif', values)
    write_raster(tmp_path / 'mask.tif', np.where(HOLE, 0, 255).astype(np.uint8))
    source = '<{0}><SourceFilename relativeToVRT="1">{1}.tif</SourceFilename><SourceBand>{2}</SourceBand></{0}>'
    mask_source = source.format('SimpleSource', 'mask', 1)
    mask = f'<MaskBand><VRTRasterBand dataType="Byte">{mask_source}</VRTRasterBand></MaskBand>'
    bands = ''.join(
        f'<VRTRasterBand dataType="UInt16" band="{i}">{source.format("SimpleSource", "image", i)}{mask * (i == 2)}'
        '</VRTRasterBand>'
        for i in (1, 2, 3)
    )
    path = tmp_path / 'image.vrt'
    path.write_text(f'<VRTDataset rasterXSize="30" rasterYSize="20">{bands}</VRTDataset>', encoding='utf-8')
    assert (read_whole(path, bands='1,2,3', scale='0:250').valid == ~HOLE).all()
    assert read_whole(path, bands='1,3,3', scale='0:250').valid.all()


def valid_as_told(path, **told):
    with open_source(path, Reading.parse(bands=None, scale=told.pop('scale', None), **told)) as source:
        return source.read(Window(0, 0, source.width, source.height)).valid


def test_a_value_that_is_told_is_nothing_where_all_bands_hold_it(tmp_path):
    values = noise()
    values[:, :5, :6] = 0
    values[1, 10, 10] = 0  # dark green
    expected = np.ones((20, 30), bool)
    expected[:5, :6] = False
    path = write_raster(tmp_path / 'a.tif', values, nodata=9)
    np.testing.assert_array_equal(valid_as_told(path, nodata=0), expected)
    assert valid_as_told(path).all()


def test_a_value_that_is_told_counts_beside_a_mask_and_in_place_of_the_rasters_own(tmp_path):
    values, mask = noise(), np.ones((20, 30), bool)
    values[:, 0], mask[1] = 0, False
    masked = write_raster(tmp_path / 'masked.tif', values, mask=mask)
    assert (~valid_as_told(masked, nodata=0)).nonzero()[0].tolist() == [0] * 30 + [1] * 30
    values[:, 2] = 255
    declared = write_raster(tmp_path / 'declared.tif', values, nodata=255)
    assert set((~valid_as_told(declared, nodata=0)).nonzero()[0]) == {0}


@pytest.mark.parametrize(
    ('dtype', 'tolerance', 'rows'), [('uint16', 0, {0}), ('uint16', 2.5, {0, 1}), ('float32', 2, {0, 1})]
)
def test_in_other_types_one_band_is_enough_and_a_tolerance_counts(tmp_path, dtype, tolerance, rows):
    values = noise(dtype=dtype) + 100
    values[2, 0], values[1, 1], values[1, 2] = 50, 52, 53
    path = write_raster(tmp_path / 'a.tif', values.astype(dtype), nodata=50)
    for told in ({}, {'nodata': 50}):
        valid = valid_as_told(path, tolerance=tolerance, scale='0:400', **told)
        assert set((~valid).nonzero()[0]) == rows


def test_the_rim_that_jpeg_leaves_is_nothing_with_a_tolerance_and_a_note_says_so(tmp_path):
    inside = np.hypot(*np.mgrid[-64:64, -64:64]) < 50
    values = np.where(inside, 128 + noise(3, (128, 128)) // 4, 0).astype(np.uint8)
    jpeg = {'compress': 'jpeg', 'photometric': 'ycbcr', 'jpeg_quality': 75}
    path = write_raster(tmp_path / 'a.tif', values, nodata=0, **jpeg)
    left, rest = (valid_as_told(path, tolerance=tolerance) & ~inside for tolerance in (0, 40))
    assert left.sum() > 1000
    assert rest.sum() < 200
    assert (valid_as_told(path, tolerance=40) | ~inside).all()
    with open_source(path) as source:
        assert 'pixels without data may be near 0 instead: give --nodata-tolerance' in source.notes[0]
    with open_source(path, Reading.parse(bands=None, scale=None, tolerance=40)) as source:
        assert source.notes == ()


@pytest.mark.parametrize('value', [256, -1, 0.5, float('nan')])
def test_a_value_that_the_raster_cannot_hold_is_refused(tmp_path, value):
    path = write_raster(tmp_path / 'a.tif', noise())
    with pytest.raises(ConfigError, match=r'a\.tif: --nodata \S+ is not a value of this raster: .* 0 to 255'):
        valid_as_told(path, nodata=value)
    with pytest.raises(ConfigError, match='nodata tolerance -1'):
        Reading.parse(bands=None, scale=None, tolerance=-1)


def collar_note(path):
    with open_source(path, Reading.parse(bands=None, scale='0:255')) as source:
        return source.collar_note()


@pytest.mark.parametrize('size', [(40, 50), (2000, 900)])
@pytest.mark.parametrize(
    ('name', 'colour', 'dtype'), [('black', 0, 'uint8'), ('white', 255, 'uint8'), ('white', 65535, 'uint16')]
)
def test_black_or_white_that_reaches_the_edge_is_told(tmp_path, size, name, colour, dtype):
    values = noise(3, size, dtype=dtype)
    values[:, size[0] // 2 :, size[1] // 2 :] = colour  # a tile that a mosaic lacks
    found = collar_note(write_raster(tmp_path / 'a.tif', values))
    assert f'is exact {name} that reaches the edge' in found
    assert found.endswith(f'give --nodata {colour}')
    assert collar_note(write_raster(tmp_path / 'b.tif', values, nodata=colour)) is None


def test_black_inside_or_little_or_nearly_black_is_a_picture(tmp_path):
    values = noise(3, (40, 50))
    values[:, 10:20, 10:20] = 0
    values[:, :3, :3] = 0
    values[:, :, 45:] = 1
    assert collar_note(write_raster(tmp_path / 'a.tif', values)) is None


class Counted:
    """A raster that is open, and how often its pixels were asked for."""

    def __init__(self, dataset):
        self.dataset, self.reads = dataset, 0

    def __getattr__(self, name):
        if name in ('read', 'read_masks'):
            self.reads += 1
        return getattr(self.dataset, name)


@pytest.mark.parametrize('kind', ['a colour that is transparent', 'an alpha band'])
def test_a_png_is_asked_once_for_a_window_for_it_is_decoded_from_its_top_each_time(tmp_path, kind):
    values = noise(4 if kind == 'an alpha band' else 3, (20, 30))
    values[:, 3:9, 4:12] = 0
    values[0, 12:, 20:] = 0  # black in one band is a colour
    told = {'nodata': 0} if len(values) == 3 else {'colours': ('red', 'green', 'blue', 'alpha')}
    rasterio.shutil.copy(write_raster(tmp_path / 'a.tif', values, **told), tmp_path / 'a.png', driver='PNG')
    alpha = [4] if len(values) == 4 else []
    with open_dataset(tmp_path / 'a.png') as dataset:
        expected = dataset.dataset_mask() > 0
        counted = Counted(dataset)
        found, valid = pixel_reader(counted, bands=[1, 2, 3], alpha=alpha, nodata=NoData())(Window(0, 0, 30, 20))
    assert counted.reads == 1
    np.testing.assert_array_equal(found, values[:3])
    np.testing.assert_array_equal(valid, expected)
    assert not expected[3:9, 4:12].any() and expected.any()
