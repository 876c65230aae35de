from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.raster.values import Scale, parse_scale, to_8bit


def level(value, low, high):
    """Return the rule in fractions, a second way to compute it, before it is rounded."""
    return min(max((Fraction(value) - low) * 255 / (Fraction(high) - low), 0), 255)


def alike(low, high):
    return Scale((low,) * 3, (high,) * 3)


def test_option_holds_for_all_bands_or_for_each():
    assert parse_scale('-10:3000.5') == alike(-10.0, 3000.5)
    assert parse_scale('0:3000, 1:2500,2:2e3') == Scale((0.0, 1.0, 2.0), (3000.0, 2500.0, 2000.0))
    assert parse_scale(str(parse_scale('0.1:0.3'))) == parse_scale('0.1:0.3')


@pytest.mark.parametrize(
    'text', ['', '1', '1:2:3', 'a:b', ':', '1:', '0:1,0:2', '0:1,0:2,0', '3:1', '1:1', 'nan:1', '0:inf', '-1e308:1e308']
)
def test_option_of_another_form_is_refused(text):
    with pytest.raises(ConfigError, match=f"--scale is '{text}'"):
        parse_scale(text)


@pytest.mark.parametrize('kind', ['uint8', 'int8', 'uint16', 'int16'])
def test_every_value_of_a_small_type_follows_the_rule(kind):
    limits = np.iinfo(kind)
    values = np.arange(limits.min, limits.max + 1).astype(kind)
    expected = [floor(level(int(value), -20, 101) + Fraction(1, 2)) for value in values]
    assert to_8bit(np.stack([values[None]] * 3), alike(-20, 101)).reshape(3, -1).tolist() == [expected] * 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.integers(-1000, 1000), st.integers(1, 5000))
def test_floats_follow_the_rule(values, low, wide):
    image = np.array([values] * 3)[:, None]
    got = to_8bit(image, alike(low, low + wide))[0, 0]
    errors = [abs(int(number) - level(value, low, low + wide)) for number, value in zip(got, values, strict=True)]
    assert max(errors) <= Fraction(1, 2) + Fraction(1, 10**9)  # at a half, the last bit of a float decides


@pytest.mark.parametrize('kind', ['int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'])
def test_halves_are_rounded_up_and_what_lies_beyond_is_clipped(kind):
    values = np.array([0, 1, 3, 5, 510, 511, 10**6]).astype(kind)
    assert to_8bit(np.stack([values[None]] * 3), alike(0, 510))[1, 0].tolist() == [0, 1, 2, 3, 255, 255, 255]


def test_what_is_no_number_is_black_and_infinities_are_clipped():
    values = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)
    assert to_8bit(np.stack([values[None]] * 3), alike(0, 1))[0, 0].tolist() == [0, 255, 0, 255]


def test_each_band_has_its_own_rule():
    values = np.full((3, 1, 1), 100, np.uint16)
    assert to_8bit(values, Scale((0, 100, 50), (100, 200, 150))).ravel().tolist() == [255, 0, 128]
