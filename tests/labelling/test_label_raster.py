"""Class rasters are laid over tiles by where they lie, whatever their grid."""

import numpy as np
import pytest
from affine import Affine
from raster_support import METRE, UTM, noise, write_raster
from rasterio.crs import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.labelling.class_rules import class_rules, of_pixel_values
from mmseg_aux_hrnet.labelling.label_raster import open_label_raster, paint_rasters
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid

GRID = TileGrid.over(CRS.from_string(UTM), METRE, height=40, width=60, gsd=None)
WHOLE = Window(0, 0, 60, 40)
RULES = class_rules(classes='background,green,roof', class_map=None)


def classes(size=(40, 60), *, seed=0):
    return np.random.default_rng(seed).integers(0, 3, size).astype(np.uint8)


def painted(path, window=WHOLE, *, label_values=None, grid=GRID):
    with open_label_raster(path, of_pixel_values(RULES, label_values)) as raster:
        raster.count_values()
        return paint_rasters([raster], window, grid)


def test_a_raster_shifted_by_ten_pixels_is_cut_at_its_place(tmp_path):
    values = classes()
    path = write_raster(tmp_path / 'a.tif', values, transform=METRE @ Affine.translation(10, -10))
    expected = np.full((40, 60), 255, np.uint8)
    expected[:30, 10:] = values[10:, :50]
    np.testing.assert_array_equal(painted(path), expected)
    np.testing.assert_array_equal(painted(path, Window(8, 4, 16, 16)), expected[4:20, 8:24])


@pytest.mark.parametrize('factor', [2, 0.5])
def test_another_resolution_is_nearest(tmp_path, factor):
    shape = int(40 * factor), int(60 * factor)
    values = classes(shape)
    path = write_raster(tmp_path / 'a.tif', values, transform=METRE @ Affine.scale(1 / factor))
    # The centre of a pixel between four finer ones goes to the one after it.
    rows, columns = (np.floor((np.arange(size) + 0.5) * factor + 1e-9).astype(int) for size in (40, 60))
    np.testing.assert_array_equal(painted(path), values[np.ix_(rows, columns)])


@pytest.mark.parametrize('turned', ['south up', 'quarter'])
def test_a_turned_raster_is_laid_by_its_transform(tmp_path, turned):
    values = classes()
    if turned == 'south up':
        stored, transform = values[::-1], METRE @ Affine.translation(0, 40) @ Affine.scale(1, -1)
    else:
        stored, transform = np.rot90(values), METRE @ Affine(0, -1, 60, 1, 0, 0)
    path = write_raster(tmp_path / 'a.tif', np.ascontiguousarray(stored), transform=transform)
    np.testing.assert_array_equal(painted(path), values)


def test_nodata_is_ignored_and_values_are_named(tmp_path):
    values = np.array([[0, 1, 2], [9, 9, 7]], np.uint8).repeat(20, 0).repeat(20, 1)
    path = write_raster(tmp_path / 'a.tif', values, nodata=9)
    label = painted(path, label_values='0=ignore,1=0,2=roof,7=green')
    np.testing.assert_array_equal(label[::20, ::20], [[255, 0, 2], [255, 255, 1]])


def test_a_nodata_value_that_is_a_class_too_is_refused(tmp_path):
    path = write_raster(tmp_path / 'a.tif', classes(), nodata=0)
    with pytest.raises(DataError, match=r'0 is its nodata value and also the class background: .* -unsetnodata'):
        painted(path)
    label = painted(path, label_values='0=ignore,1=green,2=roof')
    np.testing.assert_array_equal(label, np.where(classes() == 0, 255, classes()))
    np.testing.assert_array_equal(painted(write_raster(tmp_path / 'b.tif', classes(), nodata=255)), classes())


def test_values_of_no_class_are_listed_with_their_counts(tmp_path):
    values = classes()
    values[0, :3], values[1, 0] = 7, 9
    path = write_raster(tmp_path / 'a.tif', values)
    with pytest.raises(DataError, match=r'a\.tif: 2 values without a class: 7 \(3x\), 9 \(1x\); name each in --label'):
        painted(path)


@pytest.mark.parametrize(
    ('values', 'options', 'message'),
    [
        (noise(3), {}, 'has 3 bands, and a class raster has one'),
        (classes(), {'crs': None}, 'no coordinate reference system'),
        (np.full((4, 4), 0.5, np.float32), {}, r'holds 0\.5, and classes are whole numbers'),
    ],
)
def test_what_is_no_class_raster_is_refused(tmp_path, values, options, message):
    path = write_raster(tmp_path / 'a.tif', values, **options)
    with pytest.raises(DataError, match=message):
        painted(path)
