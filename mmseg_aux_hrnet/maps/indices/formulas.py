"""Spectral indices of vegetation: their bands, formulas and ranges."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import ConfigError

Floats = NDArray[np.float64]
NIR, RED, GREEN, BLUE = 'nir', 'red', 'green', 'blue'


class SpectralIndex(NamedTuple):
    """An index.

    Attributes:
        key: its name on the command line.
        title: its name in pictures and tables.
        bands: names of the bands that it reads, in the order of its arguments.
        limits: default range of its thresholds.
        reflectance: whether its value depends on the unit of the bands, so that it needs reflectance, 0..1.
        formula: as text.
        parts: from the bands, float64, to numerator and denominator; it is undefined where the denominator is 0.
    """

    key: str
    title: str
    bands: tuple[str, ...]
    limits: tuple[float, float]
    reflectance: bool
    formula: str
    parts: Callable[..., tuple[Floats, Floats]]

    def values(self, *bands: Floats) -> Floats:
        """Return the index of each pixel, float64 (H, W), nan where it is undefined.

        Args:
            *bands: float64 (H, W) each, in the order of ``bands``.
        """
        upper, lower = self.parts(*bands)
        out = np.full(upper.shape, np.nan)
        return np.asarray(np.divide(upper, lower, out=out, where=lower != 0))


def _ndvi(nir: Floats, red: Floats) -> tuple[Floats, Floats]:
    return nir - red, nir + red


def _evi2(nir: Floats, red: Floats) -> tuple[Floats, Floats]:
    return 2.5 * (nir - red), nir + 2.4 * red + 1


def _savi(nir: Floats, red: Floats) -> tuple[Floats, Floats]:
    return 1.5 * (nir - red), nir + red + 0.5


def _vari(red: Floats, green: Floats, blue: Floats) -> tuple[Floats, Floats]:
    return green - red, green + red - blue


def _exg(red: Floats, green: Floats, blue: Floats) -> tuple[Floats, Floats]:
    return 2 * green - red - blue, red + green + blue


VISIBLE = (RED, GREEN, BLUE)
INFRARED = (NIR, RED)
INDICES = {
    index.key: index
    for index in (
        # Rouse et al. 1974
        SpectralIndex('ndvi', 'NDVI', INFRARED, (-1, 1), False, '(nir - red) / (nir + red)', _ndvi),
        # Jiang et al. 2008, doi 10.1016/j.rse.2008.06.006
        SpectralIndex('evi2', 'EVI2', INFRARED, (-1, 1), True, '2.5 (nir - red) / (nir + 2.4 red + 1)', _evi2),
        # Huete 1988, doi 10.1016/0034-4257(88)90106-X
        SpectralIndex('savi', 'SAVI', INFRARED, (-1, 1), True, '1.5 (nir - red) / (nir + red + 0.5)', _savi),
        # Gitelson et al. 2002, doi 10.1016/S0034-4257(01)00289-9
        SpectralIndex('vari', 'VARI', VISIBLE, (-1, 1), False, '(green - red) / (green + red - blue)', _vari),
        # Woebbecke et al. 1995, doi 10.13031/2013.27838
        SpectralIndex('exg', 'ExG', VISIBLE, (-1, 2), False, '(2 green - red - blue) / (red + green + blue)', _exg),
    )
}


def find_index(key: str) -> SpectralIndex:
    """Return an index by its name.

    Raises:
        ConfigError: there is none.
    """
    if key not in INDICES:
        raise ConfigError(f'the index {key!r} is unknown: give one of {", ".join(INDICES)}')
    return INDICES[key]
