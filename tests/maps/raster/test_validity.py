import numpy as np
import pytest
import rasterio
from raster_support import noise, write_raster
from rasterio.windows import Window

from mmseg_aux_hrnet.maps.raster.source import Reading, open_source

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
