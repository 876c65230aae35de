"""Georeferenced tiles: which they are, pixels by the reader of maps, and pairs by place."""

import importlib.util
import sys

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from PIL import Image
from raster_support import METRE, noise, write_raster

from mmseg_aux_hrnet.datasets.band_images import read_picture
from mmseg_aux_hrnet.datasets.georeference import is_for_gdal, place_of, side_files, tiff_header, turn_of_label
from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.datasets.tiles import read_label, read_rgb, read_tile
from mmseg_aux_hrnet.errors import ImageError, LabelError, StackError

PALETTE = [[0, 0, 0], [128, 0, 0]]
RGB = np.moveaxis(noise(3, (20, 30)), 0, -1)
MASK = np.random.default_rng(1).integers(0, 2, (20, 30)).astype(np.uint8)
WORLD = '0.6\n0\n0\n-0.6\n500000.3\n5799999.7\n'
NOT_SQUARE = np.random.default_rng(2).random((20, 30)) < 0.2  # pixels without data


def bands(pixels):
    return np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels


def rule(form='index'):
    return label_rule(form, PALETTE)


@pytest.mark.parametrize('options', [{}, {'BIGTIFF': 'YES'}, {'compress': 'lerc'}, {'compress': 'webp'}])
def test_the_header_of_any_tiff_is_read(tmp_path, options):
    header = tiff_header(write_raster(tmp_path / 'a.TIFF', bands(RGB), **options))
    assert (header.tags[256], header.tags[257], header.tags[277], header.pages) == (30, 20, 3, 1)


def test_overviews_and_masks_are_no_pages(tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_raster(tmp_path / 'a.tif', bands(RGB), mask=~NOT_SQUARE)
    with rasterio.open(path, 'r+') as raster:
        raster.build_overviews([2, 4])
    assert tiff_header(path).pages == 1


@pytest.mark.parametrize('content', [b'', b'II*\0', b'II*\0\x08\0\0\0', b'II*\0\x08\0\0\0\xff\xff' + b'\1' * 40, None])
def test_a_damaged_header_is_left_to_the_reader(tmp_path, content):
    path = tmp_path / 'a.tif'
    if content is not None:
        path.write_bytes(content)
    assert tiff_header(path) is None or tiff_header(path).pages
    assert tiff_header(tmp_path / 'a.png') is None
    assert place_of(tmp_path / 'none.tif') is None
    with pytest.raises(ImageError, match=r'a\.tif'):
        read_rgb(path)


@pytest.mark.parametrize('name', ['a.tfw', 'a.tif.msk', 'a.tif.aux.xml', 'a.TFW', 'a.wld'])
def test_a_file_beside_makes_a_tiff_one_for_gdal(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / 'a.tif')
    assert not is_for_gdal(tmp_path / 'a.tif')
    (tmp_path / name).write_text('0', encoding='utf-8')
    assert side_files(tmp_path / 'a.tif') == [str(tmp_path / name)]
    assert is_for_gdal(tmp_path / 'a.tif')
    assert side_files(tmp_path / 'b.tif') == side_files(tmp_path / 'none' / 'a.tif') == []


def test_a_picture_with_a_world_file_has_a_place_and_is_read_by_pillow(tmp_path):
    Image.fromarray(RGB).save(tmp_path / 'a.png')
    assert place_of(tmp_path / 'a.png') is None
    (tmp_path / 'a.pgw').write_text(WORLD, encoding='utf-8')
    place = place_of(tmp_path / 'a.png')
    assert (place.crs, place.transform) == ('', Affine(0.6, 0, 500_000, 0, -0.6, 5_800_000))
    assert np.array_equal(read_rgb(tmp_path / 'a.png'), RGB)


def test_the_place_of_a_file_that_was_changed_is_read_anew(tmp_path):
    path = write_raster(tmp_path / 'a.tif', MASK)
    assert place_of(path).transform == METRE
    write_raster(path, np.zeros((21, 30), np.uint8), transform=METRE @ Affine.translation(5, 0))
    assert place_of(path).transform == METRE @ Affine.translation(5, 0)


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'photometric': 'minisblack'},
        {'compress': 'lerc'},
        {'compress': 'webp', 'webp_lossless': True},
        {'compress': 'zstd', 'interleave': 'band', 'tiled': True, 'blockxsize': 16, 'blockysize': 16},
        {'descriptions': ('nir', 'red', 'green')},
    ],
    ids=str,
)
@pytest.mark.parametrize('crs', ['EPSG:32633', None])
def test_sound_tiffs_are_read_exactly(tmp_path, options, crs):
    path = write_raster(tmp_path / 'a.tif', bands(RGB), crs=crs, transform=METRE if crs else None, **options)
    assert np.array_equal(read_rgb(path), RGB)
    assert np.array_equal(read_tile(path), RGB[..., ::-1])
    assert np.array_equal(read_picture(path), RGB)


def test_bands_that_say_their_colours_are_taken_by_them(tmp_path):
    path = write_raster(tmp_path / 'a.tif', bands(RGB), photometric='minisblack', descriptions=('blue', 'green', 'red'))
    assert np.array_equal(read_rgb(path), RGB[..., ::-1])


def test_grey_and_palette_become_three_channels(tmp_path):
    assert np.array_equal(read_rgb(write_raster(tmp_path / 'a.tif', MASK)), np.dstack([MASK] * 3))
    with rasterio.open(write_raster(tmp_path / 'b.tif', MASK, photometric='palette'), 'r+') as raster:
        raster.write_colormap(1, {0: (10, 20, 30), 1: (40, 50, 60)})
    wanted = np.array([(10, 20, 30), (40, 50, 60)], np.uint8)[MASK]
    assert np.array_equal(read_rgb(tmp_path / 'b.tif'), wanted)


@pytest.mark.parametrize('told', ['nodata', 'mask inside', 'mask beside', 'alpha'])
def test_pixels_without_data_have_no_alpha(tmp_path, told):
    pixels = RGB.copy()
    options = {}
    if told == 'nodata':
        pixels[NOT_SQUARE] = 0
        pixels[0, 0] = (0, 9, 9)  # a colour, not nothing: one of its bands is not 0
        options = {'nodata': 0}
    elif told == 'alpha':
        pixels = np.dstack([pixels, np.where(NOT_SQUARE, 0, 255).astype(np.uint8)])
        options = {'colours': ('red', 'green', 'blue', 'alpha')}
    else:
        options = {'mask': ~NOT_SQUARE}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=told == 'mask inside'):
        path = write_raster(tmp_path / 'a.tif', bands(pixels), **options)
    expected = NOT_SQUARE.copy()
    expected[0, 0] &= told != 'nodata'
    tile = read_tile(path)
    assert tile.shape == (20, 30, 4)
    assert np.array_equal(tile[..., 3] == 0, expected)
    assert np.array_equal(tile[..., 2::-1][~expected], pixels[..., :3][~expected])
    assert read_rgb(path).shape == (20, 30, 3)


@pytest.mark.parametrize(
    ('pixels', 'options', 'message'),
    [
        (noise(4, (20, 30)), {'photometric': 'rgb'}, '4 bands'),  # by its tags alpha, by its values infrared
        (noise(5, (20, 30)), {}, '5 bands'),
        (noise(2, (20, 30)), {}, '2 bands'),
        (noise(dtype='uint16'), {}, 'values of uint16: save it'),
        (noise(dtype='float32'), {}, 'values of float32: save it'),
        (noise(3) // 64, {'nbits': 2}, 'no colours of 8 bits'),
        (noise(3), {'tags': {'CLASS_NAMES': '["a", "b"]'}}, 'is a predicted map'),
    ],
)
def test_other_images_are_refused(tmp_path, pixels, options, message):
    path = write_raster(tmp_path / 'a.tif', pixels, **options)
    with pytest.raises(ImageError, match=rf'a\.tif.*{message}'):
        read_rgb(path)


def test_a_damaged_tile_is_refused(tmp_path):
    path = tmp_path / 'a.tif'
    rasterio.shutil.copy(write_raster(tmp_path / 'b.tif', bands(RGB)), path, driver='GTiff', compress='deflate')
    path.write_bytes(path.read_bytes()[:-300])  # a copy has its directory first
    with pytest.raises(ImageError, match=r'a\.tif, rows 0 to 19 \(from 0\), cannot be read'):
        read_rgb(path)


@pytest.mark.parametrize('placed', [False, True])
def test_several_pages_are_refused(tmp_path, placed):
    path = tmp_path / 'a.tif'
    first, *others = (Image.fromarray(page) for page in (MASK, MASK, 1 - MASK))
    first.save(path, save_all=True, append_images=others)
    if placed:
        (tmp_path / 'a.tfw').write_text(WORLD, encoding='utf-8')
    message = r'a\.tif has 3 pages.*gdal_translate GTIFF_DIR:1:a\.tif'
    with pytest.raises(ImageError, match=message):
        read_rgb(path)
    with pytest.raises(LabelError, match=message):
        read_label(path, rule())


@pytest.mark.parametrize('form', ['index', 'index of 2 bits', 'one bit', 'binary', 'palette', 'colour'])
def test_labels_of_all_forms_are_read(tmp_path, form):
    path = tmp_path / 'a.tif'
    options = {'one bit': {'nbits': 1}, 'index of 2 bits': {'nbits': 2}, 'palette': {'photometric': 'palette'}}
    pixels = {'binary': MASK * 255, 'colour': bands(np.array(PALETTE, np.uint8)[MASK])}.get(form, MASK)
    write_raster(path, pixels, **options.get(form, {}))
    if form == 'palette':
        with rasterio.open(path, 'r+') as raster:
            raster.write_colormap(1, {0: (0, 0, 0), 1: (128, 0, 0)})
    declared = form if form in ('binary', 'palette', 'colour') else 'index'
    assert np.array_equal(read_label(path, rule(declared)), MASK)


@pytest.mark.parametrize(('nodata', 'mask'), [(255, None), (7, None), (None, ~NOT_SQUARE)])
def test_pixels_of_a_label_without_data_are_ignored(tmp_path, nodata, mask):
    pixels = MASK if nodata is None else np.where(NOT_SQUARE, np.uint8(nodata), MASK)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_raster(tmp_path / 'a.tif', pixels, nodata=nodata, mask=mask)
    assert np.array_equal(read_label(path, rule()), np.where(NOT_SQUARE, 255, MASK))


def test_a_class_that_is_no_data_too_is_refused(tmp_path):
    path = write_raster(tmp_path / 'a.tif', MASK, nodata=0)
    with pytest.raises(LabelError, match=r'a\.tif: value 0 is no data, and class 0 too.*-unsetnodata'):
        read_label(path, rule())
    path = write_raster(tmp_path / 'b.tif', np.full_like(MASK, 255), nodata=255)
    with pytest.raises(LabelError, match='value 255 is no data, and class 1 too'):
        read_label(path, rule('binary'))
    assert (read_label(path, rule()) == 255).all()


@pytest.mark.parametrize(
    ('pixels', 'message'),
    [
        (np.where(NOT_SQUARE, np.uint8(3), MASK), r'a\.tif: value 3 at .* is not a class'),
        (MASK.astype(np.uint16), r'a\.tif has values of uint16'),
        (noise(3, (20, 30)), r'a\.tif: pixels are of mode RGB'),
        (noise(5, (20, 30)), r'a\.tif: pixels are of mode 5 bands'),
    ],
)
def test_other_labels_are_refused(tmp_path, pixels, message):
    path = write_raster(tmp_path / 'a.tif', pixels)
    with pytest.raises(LabelError, match=message):
        read_label(path, rule())


def test_pairs_are_compared_by_place(tmp_path):
    image = str(write_raster(tmp_path / 'i.tif', bands(RGB)))
    assert turn_of_label(image, str(write_raster(tmp_path / 'a.tif', MASK)))(MASK).tolist() == MASK.tolist()
    plain = tmp_path / 'plain.png'
    Image.fromarray(MASK).save(plain)
    assert turn_of_label(image, str(plain)) is turn_of_label(str(plain), image) is None
    south_up = METRE @ Affine.translation(0, 20) @ Affine.scale(1, -1)
    turn = turn_of_label(image, str(write_raster(tmp_path / 'b.tif', MASK[::-1], transform=south_up)))
    assert np.array_equal(turn(MASK[::-1]), MASK)
    away = write_raster(tmp_path / 'c.tif', MASK, transform=METRE @ Affine.translation(10, 0))
    with pytest.raises(LabelError, match=r'c\.tif lies at another place than .*i\.tif.* 500010, 58.*EPSG:32633'):
        turn_of_label(image, str(away))
    with pytest.raises(LabelError, match='EPSG:32632'):
        turn_of_label(image, str(write_raster(tmp_path / 'd.tif', MASK, crs='EPSG:32632')))


def test_a_missing_extra_is_named_and_plain_files_do_without(tmp_path, monkeypatch):
    Image.fromarray(RGB).save(tmp_path / 'plain.tif')
    path = write_raster(tmp_path / 'a.tif', bands(RGB))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    for name in [name for name in sys.modules if name.startswith('mmseg_aux_hrnet.raster')]:
        monkeypatch.delitem(sys.modules, name)
    assert np.array_equal(read_rgb(tmp_path / 'plain.tif'), RGB)
    for read in (read_rgb, place_of, lambda path: read_label(path, rule())):
        with pytest.raises(StackError, match=r'pip install "mmseg-aux-hrnet\[geo\]"'):
            read(path)
