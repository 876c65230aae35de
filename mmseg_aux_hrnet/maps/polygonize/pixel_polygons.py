"""Finished polygons in pixels of the map: x is the column, y the row, downwards."""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray


class PixelPolygons(NamedTuple):
    """Polygons of regions.

    Attributes:
        outlines: shapely polygons (polygons,).
        values: the class of each, uint8 (polygons,).
        pixels: how many pixels each stands for, int64 (polygons,).
    """

    outlines: NDArray[np.object_]
    values: NDArray[np.uint8]
    pixels: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_]) -> 'PixelPolygons':
        """Return those that are kept."""
        return PixelPolygons(self.outlines[kept], self.values[kept], self.pixels[kept])

    def part(self, start: int, stop: int) -> 'PixelPolygons':
        """Return those from ``start`` to before ``stop``."""
        return PixelPolygons(self.outlines[start:stop], self.values[start:stop], self.pixels[start:stop])

    def with_more(self, other: 'PixelPolygons') -> 'PixelPolygons':
        """Return these and then the others."""
        return PixelPolygons(
            np.concatenate([self.outlines, other.outlines]),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.pixels, other.pixels]),
        )

    @classmethod
    def empty(cls) -> 'PixelPolygons':
        """Return no polygons."""
        return cls(np.zeros(0, object), np.zeros(0, np.uint8), np.zeros(0, np.int64))


def shifted(outlines: NDArray[np.object_], rows: int) -> NDArray[np.object_]:
    """Return polygons moved down by rows."""
    return np.asarray(shapely.transform(outlines, lambda points: points + np.array([0.0, rows])))
