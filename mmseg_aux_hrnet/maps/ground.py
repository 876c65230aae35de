"""Metres and square metres of the pixels of a raster on the ground, by geodesics on its ellipsoid."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from affine import Affine
from numpy.polynomial.chebyshev import chebpts1, chebval2d, chebvander
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from rasterio.crs import CRS as RasterCRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError

Floats = NDArray[np.float64]
Method = Literal['planar', 'geodesic']
# Metres of the smaller of two squares. Their areas tell that of a square without size to 1e-11: with a longer side the
# curvature of the earth shows, with a shorter one the last digits of geodesics.
SIDE = 1000.0
EARTH_RADIUS = 6.371e6  # metres
CORNERS = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])  # anticlockwise
# Transverse Mercator zones of 6 degrees stay below it, except the outermost at the equator (up to 0.2 %).
LARGEST_DEVIATION = 0.001
NODES = 16  # of the interpolation along rows and columns; the whole earth in one window is exact to 1e-9
GAUSS = 0.5 / 3**0.5  # pixels from the centre; the mean of these two places is the mean of the pixel


def ground_sampling(crs: RasterCRS | None, transform: Affine, *, height: int, width: int) -> tuple[float, float]:
    """Return metres on the ground from a pixel to the one below, and to the one on its right, at a raster's centre.

    They hold for any projection and unit: in Web Mercator they are the true distances, not those of the map.

    Args:
        crs: reference system of the raster; None where it has none.
        transform: from pixels to its coordinates.
        height: in pixels.
        width: in pixels.

    Raises:
        DataError: the raster has no CRS, its CRS is not of the earth, or its coordinates do not fit its CRS.
    """
    if crs is None:
        raise DataError('the raster has no coordinate reference system: the size of its pixels in metres is unknown')
    system = CRS.from_wkt(crs.to_wkt()).to_2d()
    if system.is_geocentric or not (system.is_projected or system.is_geographic):
        raise DataError(f'the coordinate reference system {system.name} is not for maps: it has no metres')
    ellipsoid = Ellipsoid(system)
    row, column = height / 2, width / 2
    x, y = transform @ (column, row)
    starts = [transform @ (column, row - 0.5), transform @ (column - 0.5, row)]
    ends = [transform @ (column, row + 0.5), transform @ (column + 0.5, row)]
    try:
        down, right = ellipsoid.distances(*np.transpose(starts), *np.transpose(ends))
    except (DataError, ProjError):
        down = right = np.nan
    # Beyond a pole an ellipsoid goes on with its other side, for areas; the centre of a raster lies on the earth.
    beyond = ellipsoid.is_geographic and abs(y) * ellipsoid.unit > np.pi / 2 * (1 + 1e-9)
    if beyond or not (np.isfinite([down, right]).all() and down > 0 and right > 0):
        raise DataError(f'the centre of the raster, {x:g}, {y:g}, lies outside of {system.name}')
    return float(down), float(right)


class Ellipsoid:
    """The earth under a reference system.

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
        # About how many metres a unit has: enough to choose the side of a square by.
        self._metres = self.unit * (EARTH_RADIUS if self.is_geographic else 1.0)
        self._geod = Geod(a=flat.ellipsoid.semi_major_metre, b=flat.ellipsoid.semi_minor_metre)

    def distances(self, x: Floats, y: Floats, other_x: Floats, other_y: Floats) -> Floats:
        """Return metres between places and others, (n,).

        Raises:
            DataError: the reference system does not reach there.
        """
        metres = self._geod.inv(*self._geodetic(x, y), *self._geodetic(other_x, other_y), radians=True)[2]
        return np.asarray(metres)

    def unit_lengths(self, x: float, y: float) -> tuple[float, float]:
        """Return metres of a unit along x and along y around a place.

        Raises:
            DataError: the reference system does not reach there.
        """
        half = SIDE / self._metres / 2
        starts, ends = (np.array([[x, x], [y, y]]) + sign * half * np.eye(2) for sign in (-1, 1))
        along_x, along_y = (self.distances(*starts, *ends) / (2 * half)).tolist()
        return along_x, along_y

    def unit_areas(self, x: Floats, y: Floats) -> Floats:
        """Return square metres of a square unit at each place, of the same shape.

        Raises:
            DataError: the reference system does not reach there.
        """
        side = SIDE / self._metres
        smaller, larger = (self._areas(x, y, side=length) / length**2 for length in (side, 2 * side))
        # Both deviate by the square of their side. Beyond a pole areas count negative, as the cosine of the latitude.
        return np.abs(4 * smaller - larger) / 3

    def _areas(self, x: Floats, y: Floats, *, side: float) -> Floats:
        """Return square metres of squares around places, which are negative where the corners run clockwise."""
        places = np.stack([x, y], axis=-1)[..., None, :] + side * CORNERS
        longitudes, latitudes = (axis.reshape(-1, 4) for axis in self._geodetic(places[..., 0], places[..., 1]))
        areas = [
            self._geod.polygon_area_perimeter(longitude, latitude, radians=True)[0]
            for longitude, latitude in zip(longitudes, latitudes, strict=True)
        ]
        return np.array(areas).reshape(np.shape(x))

    def _geodetic(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes in radians; beyond a pole, those of the same place on its other side."""
        longitude, latitude = (np.asarray(axis) * self._radians for axis in self._to_geodetic.transform(x, y))
        if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
            raise DataError(
                'the map reaches beyond the part of the earth that its reference system describes: '
                'reproject it to a system made for its place'
            )
        beyond = (np.abs(latitude) > np.pi / 2) & (np.abs(latitude) < np.pi)
        opposite = np.copysign(np.pi, latitude) - latitude
        return np.where(beyond, longitude + np.pi, longitude), np.where(beyond, opposite, latitude)


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
        """Return square metres of a square unit of the reference system at places of the map, (n,).

        The area of a polygon is its planar area times this at its centroid, to about (size / earth radius)² / 10.
        """
        if self.method == 'planar':
            return np.full(np.shape(x), self.ellipsoid.unit**2)
        if np.size(x) <= NODES**2:
            return self.ellipsoid.unit_areas(x, y)
        # A geodesic polygon takes 25 microseconds, and a map may have millions of polygons: so they are interpolated.
        places = ~self.transform @ (x, y)
        lows = [axis.min() for axis in places]
        sizes = [max(axis.max() - low, 1.0) for axis, low in zip(places, lows, strict=True)]
        coefficients = TO_COEFFICIENTS @ self._at_nodes(*lows, *sizes).T @ TO_COEFFICIENTS.T
        column, row = (2 * (axis - low) / size - 1 for axis, low, size in zip(places, lows, sizes, strict=True))
        return np.asarray(chebval2d(column, row, coefficients))

    @property
    def common_area(self) -> float | None:
        """Square metres of every pixel; None where they are not all the same."""
        return abs(self.transform.determinant) * self.ellipsoid.unit**2 if self.method == 'planar' else None

    def pixel_areas(self, window: Window) -> Floats:
        """Return square metres of each pixel of a window, float64 (height, width)."""
        shape = (int(window.height), int(window.width))
        if self.common_area is not None:
            return np.full(shape, self.common_area)
        rows, columns = (_pixel_means(size) for size in shape)
        at_nodes = self._at_nodes(window.col_off, window.row_off, window.width, window.height)
        return np.asarray(rows @ at_nodes @ columns.T * abs(self.transform.determinant))

    def _at_nodes(self, column: float, row: float, width: float, height: float) -> Floats:
        """Return the areas of units at the nodes of a part of the map, (rows, columns)."""
        columns, rows = column + (CHEBYSHEV + 1) * width / 2, row + (CHEBYSHEV + 1) * height / 2
        return self.ellipsoid.unit_areas(*_places(self.transform, columns, rows))


CHEBYSHEV = chebpts1(NODES)  # -1 to 1
TO_COEFFICIENTS = np.linalg.inv(chebvander(CHEBYSHEV, NODES - 1))


def _pixel_means(size: int) -> Floats:
    """Return the matrix that makes means over the pixels along an axis of values at its nodes, (size, nodes)."""
    centres, half = (2 * np.arange(size) + 1) / size - 1, 2 * GAUSS / size
    values = (chebvander(centres - half, NODES - 1) + chebvander(centres + half, NODES - 1)) / 2
    return np.asarray(values @ TO_COEFFICIENTS)


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
        raise DataError('the pixels of the map have no area, by its transform: set the right georeference')
    ellipsoid = Ellipsoid(crs)
    x, y = _places(transform, np.linspace(0, shape[1], 5), np.linspace(0, shape[0], 5))
    # A map whose coordinates are metres, but whose system says degrees, is the most frequent mistake of all.
    turn = 2 * np.pi / ellipsoid.unit * (1 + 1e-9) if ellipsoid.is_geographic else np.inf
    if np.abs(x).max() > turn or np.abs(y).max() > turn / 4:
        raise DataError(
            f'the map reaches from ({x.min():.6g}, {y.min():.6g}) to ({x.max():.6g}, {y.max():.6g}), and its '
            'reference system has longitudes and latitudes: set the right system, or cut the map at the poles'
        )
    unit_areas = ellipsoid.unit_areas(x, y)
    if ellipsoid.is_geographic:
        return Ground('geodesic', None, transform, ellipsoid)
    deviation = float(np.abs(ellipsoid.unit**2 / unit_areas - 1).max())
    return Ground('planar' if deviation <= LARGEST_DEVIATION else 'geodesic', deviation, transform, ellipsoid)


def _places(transform: Affine, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return x and y, each (rows, columns), of places given in pixels."""
    column, row = np.meshgrid(columns, rows)
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * column + b * row + c, d * column + e * row + f
