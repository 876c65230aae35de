"""Where a raster lies: its grid, how that of another lies on it, and its corners on the ground."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform as transform_coordinates

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.raster.dataset import GDAL_ERRORS, WITHOUT_LISTING, gdal, is_placed, open_dataset

Floats = NDArray[np.float64]
UNIT_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)  # upper left first, then clockwise
SAME = 0.5  # pixels
TRUE_LENGTH = 0.01  # how far lengths in metres of a map may be from those on the ground: UTM is within 0.001


class Place(NamedTuple):
    """The grid of a raster.

    Attributes:
        transform: from (column, row) to coordinates.
        crs: the reference system as WKT; empty where it is not known.
        height: in pixels.
        width: in pixels.
    """

    transform: Affine
    crs: str
    height: int
    width: int

    @property
    def corners(self) -> Floats:
        """Coordinates of the corners, upper left first, then clockwise, (4, 2)."""
        columns, rows = (UNIT_CORNERS * (self.width, self.height)).T
        return np.stack(self.transform @ (columns, rows), -1)

    def __str__(self) -> str:
        x, y = self.transform @ (0, 0)
        system = (_system(self.crs).to_string() if self.crs else '') or 'without reference system'
        return f'{x:.10g}, {y:.10g} ({system if len(system) < 40 else system[:40] + "..."})'


class Turn(NamedTuple):
    """What makes the pixels of one raster lie as those of another; nothing where they do."""

    flip_rows: bool = False
    flip_columns: bool = False
    transpose: bool = False  # after the flips

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (H, W), turned."""
        turned = values[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return np.ascontiguousarray(turned.T if self.transpose else turned)


def read_place(path: Path) -> Place | None:
    """Return where a raster lies, from its header; None where it does not say so.

    Raises:
        RasterError: it cannot be opened as a raster.
        StackError: no database of reference systems is there.
    """
    with open_dataset(path, **WITHOUT_LISTING) as dataset:
        if not is_placed(dataset):
            return None
        crs = '' if dataset.crs is None else dataset.crs.to_wkt()
        return Place(dataset.transform, crs, dataset.height, dataset.width)


def turn_onto(place: Place, other: Place) -> Turn | None:
    """Return what turns ``other`` so that it lies on ``place`` pixel by pixel; None where they lie at other places.

    Each corner must be within half a pixel. Where both reference systems are known and differ, coordinates are
    transformed; for the same ground in several resolutions the size of the grids does not matter.
    """
    corners = place.corners
    if place.crs and other.crs and place.crs != other.crs:
        corners = _transformed(corners, place.crs, other.crs)
    if other.transform.is_degenerate:
        return None
    columns, rows = ~other.transform @ (corners[:, 0], corners[:, 1])
    size = np.array([other.width, other.height])
    for transpose in (False, True):
        for flip_rows in (False, True):
            for flip_columns in (False, True):
                expected = np.abs([flip_columns, flip_rows] - (UNIT_CORNERS[:, ::-1] if transpose else UNIT_CORNERS))
                # NaN where a corner has no coordinates in the other system: that is another place.
                if (np.abs(np.stack([columns, rows], -1) - expected * size) <= SAME).all():
                    return Turn(flip_rows, flip_columns, transpose)
    return None


def metric_corners(places: Sequence[Place]) -> tuple[Floats, float]:
    """Return the corners of rasters in metres of one reference system, (N, 4, 2), and how exact they are, in metres.

    That is their own where all have the same, in metres that are true on the ground. Else it is an equal-area
    projection about their middle, in which neighbours with straight edges may share a seam of less than half a pixel.

    Where none names its reference system, coordinates are taken as they are.

    Args:
        places: of one raster at least.

    Raises:
        DataError: some name their reference system and some do not, or it is not one of the earth's surface.
    """
    sizes = np.array([[place.width, place.height] for place in places])
    a, b, c, d, e, f = np.array([place.transform[:6] for place in places]).T[..., None]
    columns, rows = np.moveaxis(UNIT_CORNERS * sizes[:, None], -1, 0)
    corners: Floats = np.stack([a * columns + b * rows + c, d * columns + e * rows + f], -1)
    systems = list(dict.fromkeys(place.crs for place in places))
    if systems == ['']:
        return corners, float((_sides(corners) / sizes).min() / 2)
    if '' in systems:
        raise DataError('some files do not name a reference system, so their ground cannot be compared')
    on_earth = _by_system(corners, places, to='EPSG:4326')
    # By their mean direction: the mean of longitudes on both sides of the date line would be on the other side.
    longitudes, latitudes = np.radians(on_earth[:, 0]).T
    longitude = np.degrees(np.arctan2(np.sin(longitudes).mean(), np.cos(longitudes).mean()))
    equal_area = f'+proj=laea +lat_0={np.degrees(latitudes.mean()):.6f} +lon_0={longitude:.6f} +datum=WGS84 +units=m'
    projected = _by_system(corners, places, to=equal_area)
    if len(systems) == 1 and (np.abs(_sides(corners) / _sides(projected) - 1) < TRUE_LENGTH).all():
        return corners, 1e-3
    return projected, float((_sides(projected) / sizes).min() / 2)


def _sides(corners: Floats) -> Floats:
    """Return the lengths of the upper and of the right side, (N, 2)."""
    steps = corners[:, 1:3] - corners[:, 0:2]
    lengths: Floats = np.hypot(steps[..., 0], steps[..., 1])
    return lengths


def _by_system(corners: Floats, places: Sequence[Place], *, to: str) -> Floats:
    """Return corners (N, 4, 2) in the system ``to``, those of each system in one go."""
    numbers = {crs: number for number, crs in enumerate(dict.fromkeys(place.crs for place in places))}
    systems = np.array([numbers[place.crs] for place in places])
    result = np.empty_like(corners)
    for number, crs in enumerate(numbers):
        own = systems == number
        result[own] = _transformed(corners[own].reshape(-1, 2), crs, to).reshape(-1, 4, 2)
    if not np.isfinite(result).all():
        raise DataError('the coordinates of a raster do not fit its reference system: it has no place on the ground')
    return result


def _transformed(points: Floats, crs: str, to: str) -> Floats:
    """Return points (N, 2) in another system; NaN where they have no place in it."""
    try:
        with gdal():
            if _system(crs) == _system(to):
                return points
            x, y = transform_coordinates(_system(crs), _system(to), points[:, 0], points[:, 1])
    except (RasterioError, *GDAL_ERRORS):
        return np.full_like(points, np.nan)
    moved: Floats = np.stack([x, y], -1)
    moved[~np.isfinite(moved)] = np.nan
    return moved


@cache
def _system(text: str) -> CRS:
    return CRS.from_user_input(text)
