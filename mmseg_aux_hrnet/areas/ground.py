"""Square metres of the pixels of a raster on the ground: one number where its reference system allows, else of each."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from affine import Affine
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.areas.ellipsoid import Ellipsoid
from mmseg_aux_hrnet.errors import DataError

Floats = NDArray[np.float64]
Method = Literal['planar', 'geodesic']
# Transverse Mercator zones of 6 degrees stay below it but for the outermost at the equator (up to 0.2 %).
LARGEST_DEVIATION = 0.001
NODES = 16  # of the interpolation along rows and columns; the whole earth in one window is exact to 1e-9
GAUSS = 0.5 / 3**0.5  # pixels from the centre; the mean of these two places is the mean of the pixel


@dataclass(frozen=True)
class Ground:
    """How areas of a raster are measured.

    Attributes:
        method: ``planar`` in the plane of the reference system, ``geodesic`` on the ellipsoid.
        deviation: by how much planar areas differ from those on the ellipsoid at most, as a share; None where
            the reference system is geographic and has no planar areas.
        transform: from pixels to the reference system.
        ellipsoid: the earth under the reference system.
    """

    method: Method
    deviation: float | None
    transform: Affine
    ellipsoid: Ellipsoid

    def unit_areas(self, x: Floats, y: Floats) -> Floats:
        """Return square metres of a square unit of the reference system at each place.

        The area of a polygon is its planar area times this at its centroid, to about (size / earth radius)² / 10.
        """
        if self.method == 'planar':
            return np.full(np.shape(x), self.ellipsoid.unit**2)
        return self.ellipsoid.steps(np.asarray(x, np.float64), np.asarray(y, np.float64)).areas()

    @property
    def common_area(self) -> float | None:
        """Square metres of every pixel; None where they are not all the same."""
        return self._pixel * self.ellipsoid.unit**2 if self.method == 'planar' else None

    @property
    def _pixel(self) -> float:
        return abs(float(self.transform.determinant))

    def pixel_areas(self, window: Window) -> Floats:
        """Return square metres of each pixel of a window, float64 (height, width)."""
        shape = (int(window.height), int(window.width))
        if self.common_area is not None:
            return np.full(shape, self.common_area)
        rows, columns = (_Axis.of(offset, size) for offset, size in zip(_offsets(window), shape, strict=True))
        at_nodes = self.unit_areas(*_places(self.transform, columns.nodes, rows.nodes))
        return np.asarray(rows.means @ at_nodes @ columns.means.T * self._pixel)


@dataclass(frozen=True)
class _Axis:
    """Chebyshev nodes along an axis of a window, and the matrix that makes means over pixels of values there."""

    nodes: Floats
    means: Floats

    @classmethod
    def of(cls, offset: int, size: int) -> '_Axis':
        nodes = chebpts1(NODES)
        centres = (2 * np.arange(size) + 1) / size - 1
        half = 2 * GAUSS / size
        values = (chebvander(centres - half, NODES - 1) + chebvander(centres + half, NODES - 1)) / 2
        return cls(offset + (nodes + 1) * size / 2, values @ np.linalg.inv(chebvander(nodes, NODES - 1)))


def measure_ground(crs: CRS, transform: Affine, *, shape: tuple[int, int]) -> Ground:
    """Return how the areas of a raster are to be measured.

    Planar areas are compared with those on the ellipsoid on a grid from corner to corner. Pixels are measured on the
    ellipsoid where one differs by more than ``LARGEST_DEVIATION``, or the system is geographic.

    Args:
        crs: of the raster.
        transform: from pixels to ``crs``; rotated and south-up ones too.
        shape: (height, width) in pixels.

    Raises:
        DataError: the reference system does not say where on the earth the raster is, or does not reach there.
    """
    if abs(transform.determinant) == 0:
        raise DataError('the pixels of the map have no area by its transform: set the right georeference')
    ellipsoid = Ellipsoid(crs)
    x, y = _places(transform, np.linspace(0, shape[1], 5), np.linspace(0, shape[0], 5))
    ellipsoid.refuse_outside(x, y)
    unit_areas = ellipsoid.steps(x, y).areas()
    if ellipsoid.is_geographic:
        return Ground('geodesic', None, transform, ellipsoid)
    deviation = float(np.abs(ellipsoid.unit**2 / unit_areas - 1).max())
    return Ground('planar' if deviation <= LARGEST_DEVIATION else 'geodesic', deviation, transform, ellipsoid)


def _offsets(window: Window) -> tuple[int, int]:
    return int(window.row_off), int(window.col_off)


def _places(transform: Affine, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return x and y, each (rows, columns), of places given in pixels."""
    column, row = np.meshgrid(columns, rows)
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * column + b * row + c, d * column + e * row + f
