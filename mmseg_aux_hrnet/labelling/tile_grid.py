"""The grid of the tiles over a raster: its pixels, or larger or smaller ones; and means of areas for those."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.ground import ground_sampling

# As a share: a ground sampling distance so near to the raster's own is the same. The metres of a zone of UTM are off by
# half of it.
SAME = 2e-3
TINY = 1e-6  # pixels
Floats = NDArray[np.float64]


class TileGrid(NamedTuple):
    """Pixels of the tiles of one raster.

    Attributes:
        crs: of the raster.
        transform: from pixels of the grid to ``crs``.
        height: in pixels of the grid.
        width: in pixels of the grid.
        steps: pixels of the raster in one of the grid, down and to the right.
        metres: of a pixel of the grid on the ground, down and to the right, at the centre of the raster.
    """

    crs: CRS
    transform: Affine
    height: int
    width: int
    steps: tuple[float, float]
    metres: tuple[float, float]

    @classmethod
    def over(cls, crs: CRS | None, transform: Affine, *, height: int, width: int, gsd: float | None) -> 'TileGrid':
        """Return the grid over a raster.

        Args:
            crs: of the raster.
            transform: of the raster, pixels to its coordinates.
            height: of the raster.
            width: of the raster.
            gsd: metres of a pixel of the tiles; None for the raster's own pixels.

        Raises:
            DataError: the raster has no CRS, or none of maps.
            ConfigError: a pixel would be larger than the raster.
        """
        own = ground_sampling(crs, transform, height=height, width=width)
        assert crs is not None
        steps = tuple(1.0 if gsd is None or abs(gsd / metres - 1) < SAME else gsd / metres for metres in own)
        rows, columns = (math.floor(size / step + TINY) for size, step in zip((height, width), steps, strict=True))
        if rows < 1 or columns < 1:
            raise ConfigError(f'--gsd {gsd} m: a pixel would be larger than the raster, give a smaller one')
        metres = own[0] * steps[0], own[1] * steps[1]
        return cls(crs, transform @ Affine.scale(steps[1], steps[0]), rows, columns, (steps[0], steps[1]), metres)

    @property
    def is_raster(self) -> bool:
        """Whether its pixels are those of the raster."""
        return self.steps == (1.0, 1.0)

    def windows(self, tile: int, *, overlap: int) -> Iterator[Window]:
        """Yield the windows of all tiles, row by row; the last of a row or column may reach beyond the raster.

        Args:
            tile: side in pixels.
            overlap: of neighbours, in pixels, below ``tile``.
        """
        for row in _starts(self.height, tile, tile - overlap):
            for column in _starts(self.width, tile, tile - overlap):
                yield Window(column, row, tile, tile)

    def outline(self, window: Window | None = None) -> shapely.Polygon:
        """Return the ground of a window, or of all, in ``crs``."""
        window = window or Window(0, 0, self.width, self.height)
        (top, bottom), (left, right) = window.toranges()
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return shapely.Polygon([self.transform @ corner for corner in corners])

    def inside(self, window: Window) -> Window:
        """Return the part of a window that lies in the grid."""
        (top, bottom), (left, right) = window.toranges()
        return Window(left, top, min(right, self.width) - left, min(bottom, self.height) - top)

    def moved(self, window: Window) -> Affine:
        """Return the transform of a window."""
        return self.transform @ Affine.translation(window.col_off, window.row_off)


def _starts(size: int, tile: int, stride: int) -> range:
    return range(0, max(1, size - tile + stride), stride)


def raster_window(window: Window, steps: tuple[float, float], *, height: int, width: int) -> Window:
    """Return the whole pixels of a raster that a window of its grid touches, with one more on each side.

    Args:
        window: of the grid.
        steps: pixels of the raster in one of the grid, down and to the right.
        height: of the raster.
        width: of the raster.
    """
    spans = []
    for (first, last), step, size in zip(window.toranges(), steps, (height, width), strict=True):
        spans.append((max(0, math.floor(first * step) - 1), min(size, math.ceil(last * step) + 1)))
    (top, bottom), (left, right) = spans
    return Window(left, top, right - left, bottom - top)


def resample(
    values: NDArray[Any], valid: NDArray[np.bool_], *, read: Window, window: Window, steps: tuple[float, float]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return values on the grid: means of areas where it has fewer pixels, bilinear where it has more.

    Pixels that are not valid do not count; a pixel of the grid is valid where at least half of it is.

    Args:
        values: of the raster, (bands, H, W).
        valid: bool (H, W).
        read: window of the raster that they are of.
        window: of the grid.
        steps: pixels of the raster in one of the grid, down and to the right.
    """
    weights = valid.astype(np.float64)
    stack = np.concatenate([np.where(valid, values, 0).astype(np.float64) * weights, weights[None]])
    sides = zip((1, 2), (read.row_off, read.col_off), window.toranges(), steps, strict=True)
    for axis, offset, (first, last), step in sides:
        stack = _along(stack, axis=axis, edges=np.arange(first, last + 1) * step - offset)
    weight = stack[-1]
    means = np.divide(stack[:-1], weight, out=np.zeros_like(stack[:-1]), where=weight > TINY)
    if values.dtype.kind in 'iu':
        means = np.floor(means + 0.5)
    return means.astype(values.dtype), weight >= 0.5 - TINY


def _along(stack: Floats, *, axis: int, edges: Floats) -> Floats:
    """Return means between edges along an axis, in pixels from its start; where these are close, interpolated."""
    moved = np.moveaxis(stack, axis, 0)
    size = len(moved)
    shape = (-1, *[1] * (moved.ndim - 1))
    if edges[1] - edges[0] >= 1:
        edges = edges.clip(0, size)
        sums = np.concatenate([np.zeros_like(moved[:1]), moved.cumsum(axis=0)])
        whole = np.minimum(edges.astype(np.int64), size - 1)
        totals = sums[whole] + (edges - whole).reshape(shape) * moved[whole]
        result = np.diff(totals, axis=0) / np.diff(edges).reshape(shape)
    else:
        centres = ((edges[:-1] + edges[1:]) / 2 - 0.5).clip(0, size - 1)
        low = np.minimum(centres.astype(np.int64), max(size - 2, 0))
        share = (centres - low).reshape(shape)
        result = (1 - share) * moved[low] + share * moved[np.minimum(low + 1, size - 1)]
    return np.moveaxis(result, 0, axis)
