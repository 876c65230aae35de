"""How large a unit of a reference system is on the ellipsoid, at any place and in any system."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mmseg_aux_hrnet.errors import DataError

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
