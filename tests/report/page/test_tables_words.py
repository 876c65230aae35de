import math

import pytest

from mmseg_aux_hrnet.report.page.tables import UNDEFINED, count, css_colour, number, span


@pytest.mark.parametrize(
    ('value', 'digits', 'text'),
    [(12.345, 2, '12.35'), (0.90875, 4, '0.9087'), (-1, 1, '-1.0'), (None, 2, UNDEFINED), (math.nan, 2, UNDEFINED)],
)
def test_number(value, digits, text):
    assert number(value, digits) == text


@pytest.mark.parametrize(('interval', 'text'), [([1, 2.5], '1.00 to 2.50'), ([None, 2.0], ''), (None, '')])
def test_span(interval, text):
    assert span(interval) == text


def test_count_and_colour():
    assert (count(1234567), count(None)) == ('1,234,567', UNDEFINED)
    assert css_colour([1, 2, 3]) == 'rgb(1,2,3)'
