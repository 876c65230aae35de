"""Distances of a command line."""

import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.boundary import tolerance


@pytest.mark.parametrize(
    ('text', 'gsd', 'pixels', 'metres'),
    [
        ('2', None, 2, None),
        ('2px', 0.5, 2, 1.0),
        (' 3.5 px ', None, 3.5, None),
        ('1m', 0.25, 4, 1.0),
        ('.5m', 0.5, 1, 0.5),
        ('1000', None, 1000, None),
    ],
)
def test_pixels_and_metres(text, gsd, pixels, metres):
    distance = tolerance(text, gsd=gsd)
    assert (distance.pixels, distance.metres, distance.gsd) == (pixels, metres, gsd)


@pytest.mark.parametrize(
    ('text', 'gsd', 'message'),
    [
        ('1m', None, '--tolerance 1m is in metres: give the size of a pixel in metres with --gsd'),
        ('0.1m', 0.2, '--tolerance 0.1m is 0.5 pixels: give 1, the next pixel, to 1000'),
        ('0', None, '--tolerance 0 is 0 pixels'),
        ('1001', None, 'is 1001 pixels'),
        ('-2', None, '--tolerance -2: give pixels such as 2, or metres such as 0.5m'),
        ('2km', 1.0, '--tolerance 2km: give pixels'),
        ('', None, '--tolerance : give pixels'),
        ('nan', None, '--tolerance nan: give pixels'),
        ('2', 0.0, '--gsd 0.0: give the metres'),
        ('2', float('nan'), '--gsd nan: give the metres'),
        ('2', float('inf'), '--gsd inf: give the metres'),
    ],
)
def test_no_distance(text, gsd, message):
    with pytest.raises(ConfigError, match=message):
        tolerance(text, gsd=gsd)
