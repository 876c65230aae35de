"""Square metres of the pixels of a raster on the ground: one number where its reference system allows, else of each."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from affine import Affine
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS as RasterCRS
from rasterio.transform import xy
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError


class GroundSampling(NamedTuple):
    """Metres on the ground from one pixel to the next, at the raster's centre.

    Attributes:
        rows: from a pixel to the one below.
        columns: from a pixel to the one on its right.
    """

    rows: float
    columns: float


def ground_sampling(crs: RasterCRS | None, transform: Affine, *, height: int, width: int) -> GroundSampling:
    """Return the ground sampling distance at the centre of a raster, measured on the ellipsoid.

    So it holds for any projection and unit: in Web Mercator it is the true distance, not that of the map.

    Args:
        crs: of the raster.
        transform: of the raster, pixels to its coordinates.
        height: in pixels.
        width: in pixels.

    Raises:
        DataError: the raster has no CRS, its CRS is not of the earth, or its coordinates are none of its CRS.
    """
    if crs is None:
        raise DataError('the raster has no coordinate reference system: the size of its pixels in metres is unknown')
    projected = CRS.from_wkt(crs.to_wkt()).to_2d()
    geodetic, geod = projected.geodetic_crs, projected.get_geod()
    if geodetic is None or geod is None or projected.is_geocentric:
        raise DataError(f'the coordinate reference system {projected.name} is not one of maps: no metres in it')
    to_degrees = Transformer.from_crs(projected, geodetic.to_2d(), always_xy=True)
    row, col = height / 2, width / 2
    rows_of_ends, columns_of_ends = (row - 0.5, row + 0.5, row, row), (col, col, col - 0.5, col + 0.5)
    xs, ys = xy(transform, rows_of_ends, columns_of_ends, offset='ul')
    try:
        longitudes, latitudes = to_degrees.transform(xs, ys, errcheck=True)
        _, _, (rows, columns) = geod.inv(longitudes[::2], latitudes[::2], longitudes[1::2], latitudes[1::2])
    except ProjError:
        rows = columns = math.nan
    if not (math.isfinite(rows) and math.isfinite(columns) and rows > 0 and columns > 0):
        raise DataError(f'the centre of the raster, {xs[0]:g}, {ys[0]:g}, lies outside of {projected.name}')
    return GroundSampling(float(rows), float(columns))


Floats = NDArray[np.float64]
STEP = (
    5000.0  # metres; differences over it are exact to 1e-11: the curvature enters by its fourth power, rounding little
)
EARTH_RADIUS = 6.371e6  # metres


class Steps(NamedTuple):
    """What one unit along x and one along y are on the ground, as vectors (..., 3) in metres."""

    along_x: Floats
    along_y: Floats

    def areas(self) -> Floats:
        """Return square metres of one square unit, (...)."""
        return np.asarray(np.linalg.norm(np.cross(self.along_x, self.along_y), axis=-1))


class Ellipsoid:
    """The earth under a reference system.

    Places are taken to Cartesian coordinates on the ellipsoid, which know neither poles nor a meridian of 180 degrees.

    Args:
        crs: projected or geographic; a height axis is left out of account.

    Raises:
        DataError: the system is neither, so that it does not say where on the earth its coordinates are.
    """

    def __init__(self, crs: CRS) -> None:
        flat = crs.to_2d() if not crs.is_compound else crs.sub_crs_list[0]
        # A rotated grid of longitudes and latitudes counts as its own geodetic system.
        geodetic = flat.source_crs if flat.is_derived and flat.is_geographic else flat.geodetic_crs
        if not (flat.is_projected or flat.is_geographic) or flat.ellipsoid is None or geodetic is None:
            raise DataError(
                f'the reference system {crs.name!r} is neither projected nor geographic, so that areas on the ground '
                'cannot be known: reproject, or name the right system'
            )
        self.is_geographic = bool(flat.is_geographic)
        self.unit = float(flat.axis_info[0].unit_conversion_factor)  # metres, or radians where geographic
        self._to_geodetic = Transformer.from_crs(flat, geodetic, always_xy=True)
        self._radians = float(geodetic.axis_info[0].unit_conversion_factor)
        self._semi_major = float(flat.ellipsoid.semi_major_metre)
        self._squeeze = (float(flat.ellipsoid.semi_minor_metre) / self._semi_major) ** 2  # 1 - eccentricity²

    def refuse_outside(self, x: Floats, y: Floats) -> None:
        """Raise unless the places are on the earth, by their longitudes and latitudes.

        Raises:
            DataError: a geographic system has other coordinates there, mostly because it is not the right one.
        """
        turn = 2 * np.pi / self.unit * (1 + 1e-9) if self.is_geographic else np.inf
        if np.abs(x).max() > turn or np.abs(y).max() > turn / 4:
            raise DataError(
                f'the map reaches from ({x.min():.6g}, {y.min():.6g}) to ({x.max():.6g}, {y.max():.6g}), and its '
                'reference system has longitudes and latitudes: set the right system, or cut the map at the poles'
            )

    def steps(self, x: Floats, y: Floats) -> Steps:
        """Return what a unit along x and along y are on the ground at each place; differences of fourth order.

        Raises:
            DataError: the reference system does not reach there.
        """
        step = STEP / (self.unit * (EARTH_RADIUS if self.is_geographic else 1.0))

        def along(dx: float, dy: float) -> Floats:
            far = self._points(x + 2 * dx, y + 2 * dy) - self._points(x - 2 * dx, y - 2 * dy)
            near = self._points(x + dx, y + dy) - self._points(x - dx, y - dy)
            return np.asarray((8 * near - far) / (12 * step))

        return Steps(along(step, 0.0), along(0.0, step))

    def _points(self, x: Floats, y: Floats) -> Floats:
        longitude, latitude = (np.asarray(axis) * self._radians for axis in self._to_geodetic.transform(x, y))
        if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
            raise DataError(
                'the map reaches beyond the part of the earth that its reference system describes: '
                'reproject it to a system made for its place'
            )
        sine, cosine = np.sin(latitude), np.cos(latitude)
        normal = self._semi_major / np.sqrt(1 - (1 - self._squeeze) * sine**2)
        return np.stack(
            [normal * cosine * np.cos(longitude), normal * cosine * np.sin(longitude), normal * self._squeeze * sine],
            axis=-1,
        )


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
