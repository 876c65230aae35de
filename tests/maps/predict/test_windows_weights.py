"""Weights of windows: smooth, positive, and one in sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_aux_hrnet.maps.predict.windows import axis_weights, plan_axis


@given(st.integers(1, 2000), st.integers(1, 300), st.floats(0, 0.95))
def test_the_weights_of_all_windows_sum_to_one_at_every_pixel(size, window, overlap):
    axis = plan_axis(size, window=window, overlap=overlap)
    total = np.zeros(axis.extent)
    for start, weights in zip(axis.starts, axis_weights(axis), strict=True):
        assert (weights > 0).all()
        total[start : start + axis.window] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_one_window_counts_whole():
    np.testing.assert_array_equal(axis_weights(plan_axis(7, window=64, overlap=0.5)), np.ones((1, 7)))


def test_two_windows_are_weighted_by_the_fourth_power_of_the_sine():
    axis = plan_axis(48, window=32, overlap=0.5, grid=16)
    [first, _] = axis_weights(axis)
    phase = np.pi * (np.array([20, 4]) + 0.5) / 32  # pixel 20 of the raster: place 20 in window 0, place 4 in window 1
    own, other = np.sin(phase) ** 4
    assert first[20] == pytest.approx(own / (own + other))
    assert first[3] == 1
