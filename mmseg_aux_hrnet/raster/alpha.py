"""Which bands of a raster are its transparency: GDAL calls any fourth band of 8 bits so, near infrared too."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mmseg_aux_hrnet.raster.bands import ALPHA, Band
from mmseg_aux_hrnet.raster.sample import sample_values

NAMES = ('', 'alpha', 'mask', 'transparency', 'opacity')
FEW = 16  # different values: an edge may be smooth, but most of a mask is 0 or 255


class Transparency(NamedTuple):
    """The bands that make pixels transparent where they are 0.

    Attributes:
        bands: from 1.
        notes: what a user should know about how they were chosen.
    """

    bands: tuple[int, ...]
    notes: tuple[str, ...]


def find_transparency(dataset: Any, bands: Sequence[Band]) -> Transparency:
    """Return which bands are transparency: those interpreted as alpha and not described as something else.

    Args:
        dataset: of rasterio, to look at some values.
        bands: all of the raster.
    """
    called = [band for band in bands if band.interpretation == ALPHA]
    named_else = [band for band in called if (band.description or '').strip().lower() not in NAMES]
    alpha = tuple(band.number for band in called if band not in named_else)
    notes = [
        f'band {band.number} is interpreted as alpha but described as {band.description}: it masks nothing'
        for band in named_else
    ]
    for number in alpha:
        count = len(np.unique(sample_values(dataset, [number])))
        if count > FEW:
            notes.append(
                f'band {number} is interpreted as alpha and masks where it is 0, but has {count} different values: '
                f'if it is a colour, say so with gdal_edit.py -colorinterp_{number} undefined'
            )
    return Transparency(alpha, tuple(notes))
