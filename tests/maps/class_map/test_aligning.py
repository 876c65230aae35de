import numpy as np
import pytest
from affine import Affine
from areas_support import LEFT, TOP, draw_classes, write_map
from pyproj import Transformer
from raster_support import METRE, UTM
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.class_map.aligning import AlignedMap
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.reading import open_class_map


def aligned(path, *, shape, transform=METRE, crs=UTM):
    """Return a whole map on another grid, read in four windows, and the note."""
    height, width = shape
    with open_class_map(path) as class_map:
        grid = Grid(height, width, None if crs is None else CRS.from_string(crs), transform, placed=crs is not None)
        found = AlignedMap(class_map, grid)
        top, left = height // 3, width // 2
        parts = [
            [found.read(Window(0, 0, left, top)), found.read(Window(left, 0, width - left, top))],
            [found.read(Window(0, top, left, height - top)), found.read(Window(left, top, width - left, height - top))],
        ]
        return np.block(parts), found.note


def test_the_same_grid_is_read_as_it_is(tmp_path):
    values = draw_classes((20, 30), nodata=0.1)
    found, note = aligned(write_map(tmp_path / 'a.tif', values), shape=(20, 30))
    np.testing.assert_array_equal(found, values)
    assert note is None


def test_a_part_in_whole_pixels_is_exact(tmp_path):
    values = draw_classes((40, 40))
    path = write_map(tmp_path / 'a.tif', values)
    found, note = aligned(path, shape=(20, 30), transform=METRE @ Affine.translation(25, -5))
    expected = np.full((20, 30), 255)
    expected[5:, :15] = values[:15, 25:]
    np.testing.assert_array_equal(found, expected)
    assert note == f'{path} lies on another grid: its nearest pixels are taken'


@pytest.mark.parametrize(
    'transform',
    [
        from_origin(LEFT + 3.3, TOP - 2.7, 0.7, 1.3),
        Affine.translation(LEFT + 20, TOP - 12) @ Affine.rotation(30),
        Affine.translation(LEFT, TOP - 39) @ Affine.scale(1.1, 0.9),
    ],
)
def test_each_pixel_is_the_nearest_of_the_map(tmp_path, transform):
    values = draw_classes((40, 40))
    found, _ = aligned(write_map(tmp_path / 'a.tif', values), shape=(25, 35), transform=transform)
    for row in range(25):
        for column in range(35):
            x, y = ~METRE @ (transform @ (column + 0.5, row + 0.5))
            inside = 0 <= x < 40 and 0 <= y < 40
            assert found[row, column] == (values[int(y), int(x)] if inside else 255)


def test_another_reference_system(tmp_path):
    values = np.kron(draw_classes((12, 12)), np.ones((5, 5)))
    path = write_map(tmp_path / 'a.tif', values)
    to_degrees = Transformer.from_crs(UTM, 'EPSG:4326', always_xy=True)
    (left, bottom), (right, top) = to_degrees.transform(LEFT, TOP - 60), to_degrees.transform(LEFT + 60, TOP)
    transform = from_origin(left, top, (right - left) / 50, (top - bottom) / 50)
    found, _ = aligned(path, shape=(50, 50), transform=transform, crs='EPSG:4326')
    columns, rows = np.meshgrid(np.arange(50) + 0.5, np.arange(50) + 0.5)
    x, y = to_degrees.transform(*(transform @ (columns, rows)), direction='INVERSE')
    column, row = np.floor(x - LEFT).astype(int), np.floor(TOP - y).astype(int)
    inside = (column >= 0) & (column < 60) & (row >= 0) & (row < 60)
    expected = np.where(inside, values[row.clip(0, 59), column.clip(0, 59)], 255)
    np.testing.assert_array_equal(found, expected)


def test_maps_without_a_place_are_compared_by_their_size(tmp_path):
    values = draw_classes((20, 30))
    path = write_map(tmp_path / 'a.tif', values, crs=None, transform=None)
    found, note = aligned(path, shape=(20, 30), crs=None, transform=Affine.identity())
    np.testing.assert_array_equal(found, values)
    assert note is None
    with pytest.raises(
        DataError, match='is 20 x 30 pixels and the other raster 20 x 31, and at least one does not say where'
    ):
        aligned(path, shape=(20, 31))


@pytest.mark.parametrize('move', [(30, 0), (0, -20), (-30, 0), (1e6, 0)])
def test_maps_that_do_not_overlap_are_refused(tmp_path, move):
    path = write_map(tmp_path / 'a.tif', draw_classes((20, 30)))
    with pytest.raises(DataError, match='does not overlap the other raster: name two rasters'):
        aligned(path, shape=(20, 30), transform=METRE @ Affine.translation(*move))
