"""Cuts a class map into strips of whole rows, and says at which corners of pixels outlines need a vertex."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REST = 255  # pixels that no polygon is made of: without data, of another class, outside the map
PIXELS = 2**22  # of a strip, about
FEWEST_ROWS = 256  # a block of a tiled GeoTIFF, so that wide maps are not decoded many times over

Values = NDArray[np.uint8]
Bools = NDArray[np.bool_]
ReadRows = Callable[[int, int], Values]


@dataclass(frozen=True)
class Strip:
    """Some rows of a class map with the row above and the one below.

    Attributes:
        first_row: of the strip in the map.
        values: class indices and ``REST``, uint8 (height, width).
        above: the row before, uint8 (width,); all ``REST`` at the top of the map.
        below: the row after.
    """

    first_row: int
    values: Values
    above: Values
    below: Values

    def from_above(self) -> Bools:
        """Return where a region goes on from the row above, bool (width,)."""
        return np.asarray((self.above == self.values[0]) & (self.above != REST))

    def to_below(self) -> Bools:
        """Return where a region goes on in the row below, bool (width,)."""
        return np.asarray((self.below == self.values[-1]) & (self.below != REST))

    def junctions(self) -> Bools:
        """Return where three or four borders between values meet, corners of pixels, bool (height + 1, width + 1)."""
        left_above, above, left, here = self._around()
        borders = (left_above != above).astype(np.uint8)
        for one, other in ((above, here), (here, left), (left, left_above)):
            borders += one != other
        return np.asarray(borders >= 3)

    def seam_corners(self) -> Bools:
        """Return at which corners both sides of a seam need a vertex, bool (height + 1, width + 1)."""
        left_above, above, left, here = self._around()
        corners = (left_above != above) | (left != here)
        corners[1:-1] = False
        return np.asarray(corners)

    def _around(self) -> tuple[Values, Values, Values, Values]:
        """Return the four pixels around each corner."""
        padded = np.pad(np.vstack([self.above, self.values, self.below]), ((0, 0), (1, 1)), constant_values=REST)
        return padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]


def strip_rows(shape: tuple[int, int]) -> int:
    """Return how many rows a strip of a map (height, width) has."""
    return min(max(PIXELS // shape[1] // FEWEST_ROWS, 1) * FEWEST_ROWS, shape[0])


def strips(read_rows: ReadRows, *, shape: tuple[int, int], rows: int) -> Iterator[Strip]:
    """Yield the strips of a map from top to bottom.

    Args:
        read_rows: returns the rows from ``start`` to before ``stop``, class indices and ``REST``.
        shape: (height, width) of the map.
        rows: of a strip.
    """
    height, width = shape
    outside = np.full((1, width), REST, np.uint8)
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        values = read_rows(max(start - 1, 0), min(stop + 1, height))
        top = outside if start == 0 else values[:1]
        bottom = outside if stop == height else values[-1:]
        inner = values[int(start > 0) : values.shape[0] - int(stop < height)]
        yield Strip(start, inner, top[0], bottom[0])
