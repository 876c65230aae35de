"""A class map read on the grid of another raster, each pixel as the nearest one of the map."""

import numpy as np
from affine import Affine
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.reading import ClassMap, Values
from mmseg_aux_hrnet.maps.ground import CHEBYSHEV, NODES, TO_COEFFICIENTS
from mmseg_aux_hrnet.maps.legend import NODATA

Floats = NDArray[np.float64]
ALIKE = 0.01  # pixels: grids with corners within this distance are one
TIE = 1e-6  # pixels: centres that fall on a border, up to rounding, all go to the same side
ALONG = 65  # points of each side of an outline


class AlignedMap:
    """A class map on another grid.

    Attributes:
        note: how it was brought there; None where both grids are the same.

    Args:
        class_map: open.
        grid: of the other raster.

    Raises:
        DataError: one of the two does not say where it lies and their sizes differ, or they have no place in common.
    """

    def __init__(self, class_map: ClassMap, grid: Grid) -> None:
        self._map, self._grid = class_map, grid
        self.note: str | None = None
        own = class_map.grid()
        self._transformer: Transformer | None = None
        if not own.placed or not grid.placed or (own.crs is None) != (grid.crs is None):
            if (own.height, own.width) != (grid.height, grid.width):
                raise DataError(
                    f'{class_map.path} is {own.height} x {own.width} pixels and the other raster {grid.height} x '
                    f'{grid.width}, and at least one does not say where it lies: give both a reference system and a '
                    'place'
                )
            self._direct = True
            return
        crs, other = (None if each.crs is None else CRS.from_wkt(each.crs.to_wkt()) for each in (own, grid))
        if crs is not None and other is not None and not crs.equals(other, ignore_axis_order=True):
            self._transformer = Transformer.from_crs(other, crs, always_xy=True)
        self._to_map = ~own.transform
        height, width = grid.height, grid.width
        sides = np.linspace(0, 1, ALONG)
        columns, rows = (axis.ravel() for axis in np.meshgrid(width * sides, height * sides))
        column, row = self._places(columns, rows)
        moved = max(np.abs(column - columns).max(), np.abs(row - rows).max()) if np.isfinite(column).all() else np.inf
        self._direct = bool((own.height, own.width) == (height, width) and moved <= ALIKE)
        if self._direct:
            return
        # Bounds only: those of maps that are turned may meet where the maps do not, which the pixels then tell.
        if not ((column.max() > 0) & (column.min() < own.width) & (row.max() > 0) & (row.min() < own.height)):
            raise DataError(f'{class_map.path} does not overlap the other raster: name two rasters of one place')
        self.note = f'{class_map.path} lies on another grid: its nearest pixels are taken'

    def read(self, window: Window) -> Values:
        """Return the class at the centre of each pixel of a window of the other grid, ``NODATA`` where there is none.

        Args:
            window: inside the other grid.

        Raises:
            RasterError: the file is damaged there.
            DataError: a value is neither a class nor nodata.
        """
        if self._direct:
            return self._map.read(window)
        column, row = self._centres(window)
        columns, rows = (np.floor(axis + TIE) for axis in (column, row))
        out = np.full(columns.shape, NODATA, np.uint8)
        inside = (columns >= 0) & (columns < self._map.width) & (rows >= 0) & (rows < self._map.height)
        if not inside.any():
            return out
        x, y = columns[inside].astype(np.int64), rows[inside].astype(np.int64)
        left, top = int(x.min()), int(y.min())
        part = self._map.read(Window(left, top, int(x.max()) - left + 1, int(y.max()) - top + 1))
        out[inside] = part[y - top, x - left]
        return out

    def _centres(self, window: Window) -> tuple[Floats, Floats]:
        """Return column and row in the map of the centres of the pixels of a window, each (height, width)."""
        left, top, width, height = window.col_off, window.row_off, window.width, window.height
        if self._transformer is None:
            return self._places(*np.meshgrid(left + np.arange(width) + 0.5, top + np.arange(height) + 0.5))
        # Between reference systems a place takes a microsecond, so that blocks are interpolated, to a part of 10^9.
        nodes = np.meshgrid(left + (CHEBYSHEV + 1) * width / 2, top + (CHEBYSHEV + 1) * height / 2)
        rows, columns = (
            chebvander((2 * np.arange(size) + 1) / size - 1, NODES - 1) @ TO_COEFFICIENTS for size in (height, width)
        )
        at_nodes = self._places(*nodes)
        if not np.isfinite(at_nodes).all():
            return self._places(*np.meshgrid(left + np.arange(width) + 0.5, top + np.arange(height) + 0.5))
        column, row = (rows @ axis @ columns.T for axis in at_nodes)
        return column, row

    def _places(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return column and row in the map of places of the other grid; not finite where the map's system ends."""
        if self._transformer is None:
            return _apply(self._to_map @ self._grid.transform, columns, rows)
        x, y = _apply(self._grid.transform, columns, rows)
        return _apply(self._to_map, *(np.asarray(axis) for axis in self._transformer.transform(x, y)))


def _apply(transform: Affine, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * x + b * y + c, d * x + e * y + f
