"""The grid of tiles: where windows lie, and how values get onto it."""

import numpy as np
import pytest
from raster_support import METRE, UTM
from rasterio.crs import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid, raster_window, resample


def grid(*, height=40, width=60, gsd=None):
    return TileGrid.over(CRS.from_string(UTM), METRE, height=height, width=width, gsd=gsd)


@pytest.mark.parametrize(
    ('overlap', 'starts'), [(0, [0, 16, 32, 48]), (4, [0, 12, 24, 36, 48]), (8, [0, 8, 16, 24, 32, 40, 48])]
)
def test_windows_cover_a_row_once_the_last_may_reach_beyond(overlap, starts):
    columns = [window.col_off for window in grid().windows(16, overlap=overlap) if window.row_off == 0]
    assert columns == starts


def test_windows_that_fit_are_not_added_to():
    assert [window.col_off for window in grid(width=48).windows(16, overlap=0)][:3] == [0, 16, 32]
    assert len(list(grid(width=16, height=16).windows(16, overlap=4))) == 1


def test_larger_pixels_have_the_mean_of_their_ground():
    values = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    window = Window(0, 0, 2, 2)
    means, valid = resample(values, np.ones((4, 6), bool), read=Window(0, 0, 6, 4), window=window, steps=(2.0, 3.0))
    # 0 1 2 6 7 8 -> 4; 3 4 5 9 10 11 -> 7; two rows further 12 more
    np.testing.assert_array_equal(means[0], [[4, 7], [16, 19]])
    assert valid.all()


def test_parts_of_pixels_count_by_their_area_and_a_part_equals_the_whole():
    values = np.array([[[10, 20, 30, 40, 50]]], np.float32).repeat(5, axis=1)
    ones = np.ones((5, 5), bool)
    whole, _ = resample(values, ones, read=Window(0, 0, 5, 5), window=Window(0, 0, 2, 2), steps=(2.5, 2.5))
    np.testing.assert_allclose(whole[0, 0], [(10 + 20 + 15) / 2.5, (15 + 40 + 50) / 2.5])
    read = raster_window(Window(1, 1, 1, 1), (2.5, 2.5), height=5, width=5)
    part, _ = resample(
        values[:, read.row_off :, read.col_off :], ones[read.row_off :, read.col_off :],
        read=read, window=Window(1, 1, 1, 1), steps=(2.5, 2.5),
    )  # fmt: skip
    np.testing.assert_allclose(part[0], whole[0, 1:, 1:])


def test_pixels_without_data_do_not_count_and_half_of_a_pixel_is_enough():
    values = np.array([[[100, 0], [50, 0]], [[1, 0], [3, 0]]], np.uint8)
    valid = np.array([[True, False], [True, False]])
    means, seen = resample(values, valid, read=Window(0, 0, 2, 2), window=Window(0, 0, 1, 1), steps=(2.0, 2.0))
    assert means.ravel().tolist() == [75, 2] and seen.all()
    valid[1, 0] = False
    _, seen = resample(values, valid, read=Window(0, 0, 2, 2), window=Window(0, 0, 1, 1), steps=(2.0, 2.0))
    assert not seen.any()


def test_smaller_pixels_are_interpolated():
    values = np.array([[[0, 100]]], np.float32).repeat(2, axis=1)
    means, _ = resample(
        values, np.ones((2, 2), bool), read=Window(0, 0, 2, 2), window=Window(0, 0, 4, 4), steps=(0.5, 0.5)
    )
    np.testing.assert_allclose(means[0, 0], [0, 25, 75, 100])


def test_the_ground_of_a_pixel_is_what_was_asked_for():
    scaled = grid(height=400, width=600, gsd=2.0)
    assert scaled.metres == pytest.approx((2.0, 2.0))
    # On the central meridian of a zone of UTM a metre of the map is 1.0004 m of ground.
    assert scaled.steps == pytest.approx((2 / 1.0004,) * 2, rel=1e-6)
    assert (scaled.height, scaled.width) == (200, 300)
    assert grid(gsd=1.0).is_raster and not grid(gsd=1.01).is_raster


def test_what_has_no_metres_is_refused():
    with pytest.raises(DataError, match='no coordinate reference system'):
        TileGrid.over(None, METRE, height=4, width=4, gsd=None)
    with pytest.raises(ConfigError, match='larger than the raster'):
        grid(gsd=1000.0)
