"""Maps as cloud-optimised GeoTIFF."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from raster_support import METRE, UTM
from rasterio.crs import CRS
from rio_cogeo import cog_validate

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import RasterError, ResourceError
from mmseg_aux_hrnet.maps.class_map import geotiff
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid, Layer, class_layer, write_map
from mmseg_aux_hrnet.maps.legend import read_legend
from mmseg_aux_hrnet.raster.dataset import is_placed

GREEN = Classes(('ground', 'green'), ((10, 20, 30), (0, 128, 0)), 1)


def drawn(shape, *, steps=(7, 1, 600), dtype='uint8', top=255):
    """Return values (bands, H, W), and the same cut into rows of odd heights."""
    values = np.random.default_rng(0).integers(0, top, shape).astype(dtype)
    edges = np.unique(np.minimum(np.cumsum((0, *steps * 9)), shape[1]))
    return values, [values[:, top:end] for top, end in itertools.pairwise(edges)]


def write(path, rows, shape, layer, *, crs=UTM, transform=METRE, placed=True):
    grid = Grid(*shape[1:], None if crs is None else CRS.from_string(crs), transform, placed)
    write_map(path, iter(rows), grid=grid, layer=layer, scratch=path.parent)
    return path


@pytest.mark.parametrize('size', [(1, 1), (1, 700), (700, 1), (512, 512), (513, 1030), (1500, 40)])
def test_every_pixel_is_written_once_whatever_the_size(tmp_path, size):
    values, rows = drawn((1, *size))
    path = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}))
    with rasterio.open(path) as made:
        np.testing.assert_array_equal(made.read(), values)


def test_the_file_is_a_valid_cog_with_overviews_and_nothing_else_is_left(tmp_path):
    values, rows = drawn((1, 1100, 1300))
    path = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}))
    valid, errors, warnings = cog_validate(path, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    assert {file.name for file in tmp_path.iterdir()} == {'a.tif', 'a.qml', 'a.tif.aux.xml'}
    with rasterio.open(path) as made:
        assert made.overviews(1) == [2, 4]
        assert made.compression.name == 'deflate'


def test_a_class_map_says_what_it_holds_and_where(tmp_path):
    values, rows = drawn((1, 30, 20), top=2)
    path = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {'MODEL': 'a.pth'}))
    with rasterio.open(path) as made:
        assert (made.crs, made.transform, made.nodata, made.dtypes) == (CRS.from_string(UTM), METRE, 255, ('uint8',))
        assert read_legend(made.tags(), made.colormap(1)) == GREEN
        assert made.colormap(1)[255] == (0, 0, 0, 0)
        assert made.tags()['MODEL'] == 'a.pth'


@pytest.mark.parametrize(
    'transform',
    [
        Affine.translation(5e5, 58e5) @ Affine.rotation(-30) @ Affine.scale(1, -1),
        Affine(2, 0, 5, 0, 2, 7),
        Affine.identity(),
    ],
)
def test_any_transform_is_kept(tmp_path, transform):
    values, rows = drawn((1, 30, 20))
    path = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}), transform=transform)
    with rasterio.open(path) as made:
        assert made.transform == transform


@pytest.mark.parametrize('placed', [True, False])
def test_a_raster_without_a_reference_system_keeps_none_and_its_place(tmp_path, placed):
    values, rows = drawn((1, 30, 20))
    layer, where = class_layer(GREEN, {}), {'transform': Affine.identity(), 'placed': placed}
    path = write(tmp_path / 'a.tif', rows, values.shape, layer, crs=None, **where)
    with rasterio.open(path) as made:
        assert made.crs is None
        assert made.transform == Affine.identity()  # what rasterio says in both cases
        assert is_placed(made) is placed  # by which QGIS draws the rows upwards or downwards


@pytest.mark.parametrize(('dtype', 'steps'), [('uint8', 254), ('uint16', 65534)])
def test_probabilities_have_a_scale_and_names(tmp_path, dtype, steps):
    values, rows = drawn((2, 600, 70), dtype=dtype, top=steps)
    layer = Layer(dtype, steps + 1, ('probability of a', 'probability of b'), {'A': 'b'}, step=1 / steps)
    with rasterio.open(write(tmp_path / 'p.tif', rows, values.shape, layer)) as made:
        np.testing.assert_array_equal(made.read(), values)
        assert made.scales == pytest.approx((1 / steps, 1 / steps))
        assert made.descriptions == ('probability of a', 'probability of b')
        assert (made.nodata, made.tags()['A']) == (steps + 1, 'b')


def test_equal_maps_have_equal_bytes(tmp_path):
    values, rows = drawn((1, 700, 700))
    first = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}))
    second = write(tmp_path / 'b.tif', [values], values.shape, class_layer(GREEN, {}))
    assert first.read_bytes() == second.read_bytes()


def test_a_map_that_reads_otherwise_than_it_was_written_gets_no_name(tmp_path, monkeypatch):
    sums = iter(range(100))
    monkeypatch.setattr(geotiff, '_checksum', lambda rows: next(sums))
    values, rows = drawn((1, 30, 20))
    with pytest.raises(ResourceError, match=r'a.tif does not hold what was written'):
        write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}))
    assert list(tmp_path.iterdir()) == []


ROTATED_POLE = '+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 +ellps=GRS80'


@pytest.mark.parametrize('crs', [ROTATED_POLE, '+proj=eqearth +lon_0=10 +datum=WGS84', '+proj=longlat +R=3396190'])
def test_a_reference_system_that_geotiff_cannot_hold_lies_beside_the_map(tmp_path, crs):
    values, rows = drawn((1, 30, 20))
    path = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}), crs=crs)
    assert {path.name for path in tmp_path.iterdir()} == {'a.tif', 'a.tif.aux.xml', 'a.qml'}
    assert '<Category>green</Category>' in (tmp_path / 'a.tif.aux.xml').read_text()
    with rasterio.open(path) as made:
        assert (made.crs, made.transform, made.nodata) == (CRS.from_string(crs), METRE, 255)


def test_a_map_that_lies_elsewhere_than_it_was_meant_to_gets_no_name(tmp_path, monkeypatch):
    values, rows = drawn((1, 30, 20))
    plain = geotiff._write_plain

    def moved(path, rows, *, grid, layer):
        return plain(path, rows, grid=replace(grid, transform=Affine.scale(2)), layer=layer)

    monkeypatch.setattr(geotiff, '_write_plain', moved)
    with pytest.raises(RasterError, match=r'a\.tif: GDAL cannot write the place'):
        write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}), crs=ROTATED_POLE)
    assert list(tmp_path.iterdir()) == []


def test_what_other_programs_said_of_an_old_map_goes_with_it(tmp_path):
    """QGIS keeps the mean of the old map and its reference system, gdaladdo its small copies."""
    values, rows = drawn((1, 30, 20), top=2)
    for name in ('a.tif.aux.xml', 'a.tif.ovr', 'a.tif.msk', 'a.tfw', 'a.qml', 'b.tif.aux.xml', 'a.txt'):
        (tmp_path / name).write_text('<PAMDataset><SRS>EPSG:32601</SRS></PAMDataset>')
    path = write(tmp_path / 'a.tif', rows, values.shape, class_layer(GREEN, {}))
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {'a.tif', 'a.tif.aux.xml', 'a.qml', 'b.tif.aux.xml', 'a.txt'}
    assert 'SRS' not in (tmp_path / 'a.tif.aux.xml').read_text() + (tmp_path / 'a.qml').read_text()
    with rasterio.open(path) as made:
        assert made.crs == CRS.from_string(UTM)


def test_bands_of_probabilities_are_no_colours(tmp_path):
    values, rows = drawn((3, 30, 20))
    layer = Layer('uint8', 255, ('probability of a', 'b', 'c'), {}, step=1 / 254)
    with rasterio.open(write(tmp_path / 'p.tif', rows, values.shape, layer)) as made:
        assert [colour.name for colour in made.colorinterp] == ['gray', 'undefined', 'undefined']


def test_what_was_there_stays_until_the_new_map_is_whole(tmp_path):
    (tmp_path / 'a.tif').write_bytes(b'old')

    def broken():
        yield np.zeros((1, 5, 20), np.uint8)
        raise OSError('disk gone')

    with pytest.raises(OSError, match='disk gone'):
        write(tmp_path / 'a.tif', broken(), (1, 30, 20), class_layer(GREEN, {}))
    assert [path.name for path in tmp_path.iterdir()] == ['a.tif']
    assert (tmp_path / 'a.tif').read_bytes() == b'old'
