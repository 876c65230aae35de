import numpy as np
import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.indices.formulas import INDICES, find_index


@pytest.mark.parametrize(
    ('key', 'bands', 'expected'),
    [
        ('ndvi', (0.5, 0.1), 0.4 / 0.6),
        ('evi2', (0.5, 0.1), 2.5 * 0.4 / (0.5 + 0.24 + 1)),
        ('savi', (0.5, 0.1), 1.5 * 0.4 / (0.6 + 0.5)),
        ('vari', (0.1, 0.3, 0.2), 0.2 / 0.2),
        # chromatic coordinates r, g, b of the paper: 2 g - r - b
        ('exg', (0.1, 0.3, 0.2), 2 * 0.3 / 0.6 - 0.1 / 0.6 - 0.2 / 0.6),
    ],
)
def test_hand_computed_values(key, bands, expected):
    index = find_index(key)
    assert len(index.bands) == len(bands)
    assert index.values(*(np.array([[value]]) for value in bands)).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(('key', 'bands'), [('ndvi', (0, 0)), ('vari', (10, 20, 30)), ('exg', (0, 0, 0))])
def test_nothing_to_divide_by_is_undefined(key, bands):
    assert np.isnan(INDICES[key].values(*(np.array([[value]], np.float64) for value in bands)))


def test_unknown_index_is_refused():
    with pytest.raises(ConfigError, match="'lai' is unknown: give one of ndvi, evi2, savi, vari, exg"):
        find_index('lai')
