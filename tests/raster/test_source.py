from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from property_support import examples
from raster_support import METRE, noise, write_raster
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.maps.legend import legend_tags
from mmseg_aux_hrnet.raster.source import Reading, open_source


def read_whole(path, *, bands=None, scale=None):
    with open_source(path, Reading.parse(bands=bands, scale=scale)) as source:
        return source.read(Window(0, 0, source.width, source.height))


def last(values):
    return np.moveaxis(values, 0, -1)


def test_colours_of_8_bits_are_passed_through(tmp_path):
    values = noise(4)
    path = write_raster(tmp_path / 'image.tif', values, colours=('blue', 'undefined', 'green', 'red'))
    image, valid = read_whole(path)
    assert image.dtype == np.uint8 and image.flags.c_contiguous and valid.all()
    assert (image == last(values[[3, 2, 0]])).all()


@pytest.mark.parametrize(
    'transform',
    [
        METRE,
        Affine(0.5, 0, 100, 0, 0.5, 200),  # south up
        Affine.translation(9, 8) @ Affine.rotation(30) @ Affine.scale(2, -2),
        None,
    ],
)
@pytest.mark.parametrize('crs', ['EPSG:32633', None])
def test_place_is_passed_on_and_changes_no_pixel(tmp_path, transform, crs):
    values = noise()
    path = write_raster(tmp_path / 'image.tif', values, crs=crs, transform=transform)
    with open_source(path) as source:
        assert (source.height, source.width) == (20, 30)
        assert source.transform.almost_equals(transform or Affine.identity())
        assert source.crs is None if crs is None else source.crs == rasterio.CRS.from_string(crs)
        assert (source.read(Window(0, 0, 30, 20)).image == last(values)).all()


@pytest.mark.parametrize(
    ('dtype', 'said'), [('uint16', 'uint16, about 1 to 250'), ('float32', 'float32'), ('int16', 'int16')]
)
def test_other_types_need_a_scale_and_follow_it(tmp_path, dtype, said):
    values = noise(dtype=dtype)
    path = write_raster(tmp_path / 'image.tif', values, photometric='rgb')
    with pytest.raises(ConfigError, match=rf'image\.tif: the values are {said}.*give --scale LOW:HIGH'):
        read_whole(path)
    expected = np.floor(np.clip((values.astype(float) - 50) * 255 / 100, 0, 255) + 0.5)
    assert (read_whole(path, scale='50:150').image == last(expected)).all()


def test_8_bits_may_be_scaled_and_fewer_must(tmp_path):
    values = noise() % 16
    path = write_raster(tmp_path / 'image.tif', values, nbits=4)
    with pytest.raises(ConfigError, match='uint8, about 0 to 15: give --scale'):
        read_whole(path)
    assert (read_whole(path, scale='0:15').image == last(values) * 17).all()


def test_one_band_is_grey_only_where_that_is_said(tmp_path):
    values = noise(1)
    path = write_raster(tmp_path / 'image.tif', values)
    with pytest.raises(ConfigError, match='give --bands 1,1,1'):
        read_whole(path)
    assert (read_whole(path, bands='1,1,1').image == values[0][..., None]).all()


def test_bands_that_are_named_twice_are_read_in_their_order(tmp_path):
    values = noise()
    image, _ = read_whole(write_raster(tmp_path / 'image.tif', values), bands='3,1,3')
    assert (image == last(values[[2, 0, 2]])).all()


def test_bands_that_are_missing_are_one_line(tmp_path):
    path = write_raster(tmp_path / 'image.tif', noise())
    with pytest.raises(ConfigError, match=r'image\.tif: no band is named 4; the bands are 1 red, 2 green, 3 blue$'):
        read_whole(path, bands='4,1,2')


@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
@pytest.mark.parametrize('bands', [None, 'red,green,blue'])
def test_palette_gives_its_colours(tmp_path, dtype, bands):
    colours = np.array([(1, 2, 3), (250, 0, 90), (9, 8, 7)])
    values = np.random.default_rng(0).integers(0, 3, (1, 20, 30)).astype(dtype)
    path = write_raster(tmp_path / 'image.tif', values, photometric='palette')
    with rasterio.open(path, 'r+') as raster:
        raster.write_colormap(1, {i: (*colour, 255) for i, colour in enumerate(colours)})
    image, valid = read_whole(path, bands=bands)
    assert valid.all() and (image == colours[values[0]]).all()


def test_palette_may_have_an_alpha_band(tmp_path):
    path = write_raster(tmp_path / 'numbers.tif', noise(1), photometric='palette')
    with rasterio.open(path, 'r+') as raster:
        raster.write_colormap(1, {i: (i, 255 - i, 7, 255) for i in range(256)})
    vrt = tmp_path / 'image.vrt'
    source = '<SimpleSource><SourceFilename relativeToVRT="1">numbers.tif</SourceFilename></SimpleSource>'
    table = ''.join(f'<Entry c1="{i}" c2="{255 - i}" c3="7" c4="255"/>' for i in range(256))
    vrt.write_text(
        f'<VRTDataset rasterXSize="30" rasterYSize="20"><VRTRasterBand dataType="Byte" band="1">{source}'
        f'<ColorInterp>Palette</ColorInterp><ColorTable>{table}</ColorTable></VRTRasterBand>'
        '<VRTRasterBand dataType="Byte" band="2"><ColorInterp>Alpha</ColorInterp></VRTRasterBand></VRTDataset>',
        encoding='utf-8',
    )
    image, valid = read_whole(vrt)
    values = noise(1)[0]
    assert (image == np.stack([values, 255 - values, np.full_like(values, 7)], axis=-1)).all()
    assert not valid.any()  # the alpha band holds nothing but 0


def test_palette_without_a_table_is_refused(tmp_path):
    path = tmp_path / 'image.vrt'
    path.write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="2"><VRTRasterBand dataType="Float32" band="1">'
        '<ColorInterp>Palette</ColorInterp></VRTRasterBand></VRTDataset>',
        encoding='utf-8',
    )
    with pytest.raises(ConfigError, match='no table of colours for its float32 values'):
        read_whole(path)


def test_values_of_a_palette_are_no_grey(tmp_path):
    path = write_raster(tmp_path / 'image.tif', noise(1), photometric='palette')
    with pytest.raises(ConfigError, match='numbers of a colour table'):
        read_whole(path, bands='1,1,1')


def test_transparent_colours_of_a_palette_and_numbers_beyond_it_are_not_valid(tmp_path):
    values = np.random.default_rng(0).integers(0, 4, (20, 30)).astype(np.uint8)
    picture = Image.fromarray(values).convert('P')
    picture.putdata(values.ravel().tolist())
    picture.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9])
    picture.save(tmp_path / 'image.png', transparency=bytes([255, 0, 9]))
    image, valid = read_whole(tmp_path / 'image.png')
    assert (valid == np.isin(values, (0, 2))).all()
    assert (image[values == 2] == [7, 8, 9]).all()


def test_nodata_of_a_palette_is_not_valid(tmp_path):
    values = np.random.default_rng(0).integers(0, 3, (1, 20, 30)).astype(np.uint8)
    path = write_raster(tmp_path / 'image.tif', values, photometric='palette', nodata=2)
    with rasterio.open(path, 'r+') as raster:
        raster.write_colormap(1, {i: (i, i, i, 255) for i in range(3)})
    assert (read_whole(path).valid == (values[0] != 2)).all()


def test_map_of_classes_is_not_an_image(tmp_path):
    tags = legend_tags(Classes(('ground', 'green')))
    path = write_raster(tmp_path / 'map.tif', noise(1), tags=tags)
    with pytest.raises(RasterError, match='predicted map'):
        read_whole(path, bands='1,1,1')


def test_what_is_uncertain_is_noted_with_the_file(tmp_path):
    path = write_raster(tmp_path / 'image.tif', noise(dtype='uint16'))
    with open_source(path, Reading.parse(bands=None, scale='0:250')) as source:
        assert len(source.notes) == 1 and str(path) in source.notes[0] and '1, 2 and 3' in source.notes[0]
    with open_source(path, Reading.parse(bands='1,2,3', scale='0:250')) as source:
        assert source.notes == ()


@pytest.fixture(scope='module')
def large(tmp_path_factory):
    values = noise(4, (61, 83), dtype='uint16')
    values[:, 5:40, 7:30] = 0
    path = tmp_path_factory.mktemp('large') / 'image.tif'
    return write_raster(path, values, nodata=0, photometric='rgb', tiled=True, blockxsize=16, blockysize=32)


@examples(60)
@given(st.data())
def test_windows_are_parts_of_the_whole(large, data):
    top, left = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 82))
    height, width = data.draw(st.integers(1, 61 - top)), data.draw(st.integers(1, 83 - left))
    reading = Reading.parse(bands='4,2,1', scale='3:200')
    whole = read_whole(large, bands='4,2,1', scale='3:200')
    with open_source(large, reading) as source:
        part = source.read(Window(left, top, width, height))
    rows, cols = slice(top, top + height), slice(left, left + width)
    assert (part.image == whole.image[rows, cols]).all() and (part.valid == whole.valid[rows, cols]).all()


@pytest.mark.parametrize(
    'window', [Window(0, 0, 31, 20), Window(0, 0, 30, 21), Window(-1, 0, 5, 5), Window(0, -1, 5, 5), Window(3, 3, 0, 5)]
)
def test_window_beyond_the_raster_is_refused(tmp_path, window):
    with open_source(write_raster(tmp_path / 'image.tif', noise())) as source:
        with pytest.raises(ValueError, match='is not inside'):
            source.read(window)


def test_bands_of_several_types_are_refused(tmp_path):
    kinds = zip(('Byte', 'UInt16', 'Byte'), ('Red', 'Green', 'Blue'), strict=True)
    band = '<VRTRasterBand dataType="{}" band="{}"><ColorInterp>{}</ColorInterp></VRTRasterBand>'
    bands = ''.join(band.format(kind, i, colour) for i, (kind, colour) in enumerate(kinds, start=1))
    path = tmp_path / 'mixed.vrt'
    path.write_text(f'<VRTDataset rasterXSize="4" rasterYSize="4">{bands}</VRTDataset>', encoding='utf-8')
    with pytest.raises(ConfigError, match=r'several types \(uint16, uint8\)'):
        read_whole(path, scale='0:9')


def test_several_threads_read_what_one_reads(large):
    def part(top):
        with open_source(large, Reading.parse(bands='4,2,1', scale='3:200')) as source:
            return source.read(Window(0, top, 83, 10)).image

    whole = read_whole(large, bands='4,2,1', scale='3:200').image
    with ThreadPoolExecutor(4) as pool:
        for top, image in zip(range(50), pool.map(part, range(50)), strict=True):
            assert (image == whole[top : top + 10]).all()


@pytest.mark.parametrize(
    ('name', 'bands', 'size', 'share'),
    [
        ('naip_claremont_2020_rgbn_60cm', None, (256, 512), 1.0),
        ('naip_santa_monica_2020_rgbn_60cm_nodata', None, (512, 512), 0.75),
        ('naip_north_dakota_2014_rgbn_5m', '1,2,3', (723, 934), 1.0),
    ],
)
def test_real_rasters_are_read(shared, name, bands, size, share):
    path = shared / f'data/geotiff/{name}.tif'
    image, valid = read_whole(path, bands=bands)
    with rasterio.open(path) as raster:
        assert (image == last(raster.read([1, 2, 3]))).all()
        assert (valid == (raster.dataset_mask() > 0)).all()
    assert valid.shape == size and valid.mean() == share


def test_real_raster_whose_bands_have_no_names_is_refused(shared):
    with pytest.raises(ConfigError, match='1 gray, 2 undefined, 3 undefined, 4 undefined'):
        read_whole(shared / 'data/geotiff/naip_north_dakota_2014_rgbn_5m.tif')


def test_colours_that_are_said_leave_nothing_to_note(tmp_path):
    path = write_raster(tmp_path / 'image.tif', noise(dtype='uint16'), colours=('green', 'blue', 'red'))
    with open_source(path, Reading.parse(bands=None, scale='0:9')) as source:
        assert source.bands == (3, 1, 2) and source.notes == ()


@pytest.mark.parametrize(
    ('options', 'slow'),
    [
        ({'interleave': 'band', 'blockysize': 2048, 'compress': 'deflate'}, True),
        ({'interleave': 'pixel', 'blockysize': 2048, 'compress': 'deflate'}, False),
        ({'interleave': 'band', 'blockysize': 1, 'compress': 'deflate'}, False),
        ({'interleave': 'band', 'blockysize': 2048}, False),
    ],
)
def test_bands_in_one_strip_each_are_told_to_be_slow(tmp_path, options, slow):
    values = np.ones((3, 2048, 4096), np.uint8)  # GDAL reads strips of a few pixels as a whole
    with open_source(write_raster(tmp_path / 'x.tif', values, photometric='RGB', **options)) as source:
        assert any('gdal_translate -of COG' in note for note in source.notes) == slow
