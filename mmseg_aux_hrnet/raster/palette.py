"""Turns the values of a palette image into the colours of its table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Palette(NamedTuple):
    """The colour table of a raster of one band.

    Attributes:
        colours: uint8 (256 or 65536, 3), RGB of every value that its type can hold.
        visible: bool (256 or 65536,), False for values that are transparent or have no colour.
    """

    colours: NDArray[np.uint8]
    visible: NDArray[np.bool_]

    @classmethod
    def from_table(cls, table: Mapping[int, Sequence[int]], kind: np.dtype[np.generic]) -> 'Palette':
        """Return the palette of a colour table.

        Args:
            table: value to red, green, blue and alpha, 0..255.
            kind: type of the values, uint8 or uint16.
        """
        count = 2 ** (kind.itemsize * 8)
        colours, visible = np.zeros((count, 3), np.uint8), np.zeros(count, bool)
        for value, (*colour, alpha) in table.items():
            if 0 <= value < count:
                colours[value], visible[value] = colour, alpha > 0
        return cls(colours, visible)
