"""Windows cover every pixel, lie on the grid, and overlap as asked for."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_aux_hrnet.maps.predict.windows import Axis, plan_axis

FACTORS = st.sampled_from([0.6, 0.7, 0.84, 0.96, 1.05, 1.2, 2.4]) | st.floats(0.25, 4)  # metres per pixel over --gsd
GRIDS = st.sampled_from([1, 32, 32 * 3]) | FACTORS.map(lambda factor: 32 / factor)
AXES = st.builds(
    lambda size, window, overlap, grid: (plan_axis(size, window=window, overlap=overlap, grid=grid), overlap, grid),
    st.integers(1, 3000), st.integers(1, 600), st.floats(0, 0.99), GRIDS,
)  # fmt: skip


def test_the_steps_are_multiples_of_the_grid_and_the_last_window_may_end_outside():
    assert plan_axis(1000, window=512, overlap=1 / 3) == Axis(1000, 512, (0, 320, 512))
    assert plan_axis(1000, window=512, overlap=1 / 3).extent == 1024


def test_a_raster_of_whole_steps_ends_with_its_last_window():
    assert plan_axis(1024, window=512, overlap=0) == Axis(1024, 512, (0, 512))


@pytest.mark.parametrize('size', [1, 31, 512])
def test_a_raster_not_larger_than_a_window_is_one_window(size):
    assert plan_axis(size, window=512, overlap=0.5) == Axis(size, size, (0,))


def test_windows_smaller_than_the_grid_ignore_it():
    assert plan_axis(50, window=20, overlap=0.5) == Axis(50, 20, (0, 10, 20, 30))


@pytest.mark.parametrize(
    ('size', 'window', 'overlap', 'grid', 'ends'),
    [
        (1335, 214, 0.9375, 32 / 2.4, (1107, 1120, 1133)),
        (774, 155, 1 / 3, 32 / 1.05, (457, 549, 640)),
        (2982, 563, 0.6176761000363877, 37.67057612228238, (2072, 2260, 2449)),
        (795, 155, 0.3, 32 / 1.05, (457, 549, 640)),  # 640 is 21 cells, and a float says somewhat more
    ],
)
def test_no_window_comes_twice_or_beyond_the_end_where_a_float_is_rounded_up(size, window, overlap, grid, ends):
    axis = plan_axis(size, window=window, overlap=overlap, grid=grid)
    assert axis.starts[-3:] == ends


@given(AXES)
def test_every_pixel_is_covered_and_neighbours_overlap(case):
    axis, overlap, grid = case
    assert axis.starts[0] == 0
    assert axis.size <= axis.extent <= axis.size + grid + 1  # the last window starts on the grid, to half a pixel
    assert sorted(set(axis.starts)) == list(axis.starts)
    steps = [later - start for start, later in itertools.pairwise(axis.starts)]
    assert all(step <= max(1, math.ceil(axis.window * (1 - overlap))) for step in steps)


@given(AXES)
def test_blocks_are_the_raster_and_end_where_the_next_window_begins(case):
    axis, *_ = case
    blocks = [axis.block(index) for index in range(len(axis.starts))]
    assert blocks[0][0] == 0
    assert blocks[-1][1] == axis.size
    assert all(end == top for (_, end), (top, _) in itertools.pairwise(blocks))
    assert all(top < end for top, end in blocks)


@given(AXES)
def test_the_first_window_over_a_block_reaches_it_and_none_before_does(case):
    axis, *_ = case
    for index, start in enumerate(axis.starts):
        first = axis.first_over(index)
        assert axis.starts[first] + axis.window > start
        assert first == 0 or axis.starts[first - 1] + axis.window <= start
