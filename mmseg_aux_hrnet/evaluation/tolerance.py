"""How near a contour has to be: pixels, or metres where the size of a pixel on the ground is known."""

import math
import re
from dataclasses import dataclass

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.boundary import LARGEST_TOLERANCE

FORM = re.compile(r'(?P<length>\d+(\.\d*)?|\.\d+)\s*(?P<unit>px|m|)')


@dataclass(frozen=True)
class Tolerance:
    """A distance between contours.

    Attributes:
        pixels: the distance in pixels, 1 to 1000.
        gsd: ground sampling distance, metres per pixel; None where unknown.
    """

    pixels: float
    gsd: float | None = None

    @property
    def metres(self) -> float | None:
        """The distance in metres, None without a ground sampling distance."""
        return None if self.gsd is None else self.pixels * self.gsd


def tolerance(text: str, *, gsd: float | None) -> Tolerance:
    """Return the tolerance that a command line gives.

    Args:
        text: pixels as ``2`` or ``2px``, metres as ``0.5m``.
        gsd: ground sampling distance, metres per pixel; None where unknown.

    Raises:
        ConfigError: the text is no distance, it is outside its range, or metres are given and the ground sampling
            distance is unknown or no length.
    """
    if gsd is not None and not 0 < gsd < math.inf:
        raise ConfigError(f'--gsd {gsd}: give the metres that a pixel covers, above 0, such as 0.2')
    match = FORM.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f'--tolerance {text}: give pixels such as 2, or metres such as 0.5m')
    length = float(match['length'])
    if match['unit'] == 'm':
        if gsd is None:
            raise ConfigError(f'--tolerance {text} is in metres: say with --gsd how many metres a pixel covers')
        length /= gsd
    if not 1 <= length <= LARGEST_TOLERANCE:
        raise ConfigError(f'--tolerance {text} is {length:g} pixels: give 1, the next pixel, to {LARGEST_TOLERANCE}')
    return Tolerance(length, gsd)
