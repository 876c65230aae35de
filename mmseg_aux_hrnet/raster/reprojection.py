"""Reprojects polygons so that their straight edges stay where they were on the ground."""

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.raster.polygonal import Geometries, polygonal, repair

EDGE = 500.0  # metres: the chord of so long an arc on the earth leaves it by 5 mm
RADIUS = 6_371_000.0  # metres, of the earth
MARGIN = 0.1  # of a place's size, kept around it


def reproject_near(polygons: Geometries, source: CRS, target: CRS, *, near: shapely.Polygon) -> Geometries:
    """Return each geometry in another reference system, as a multipolygon cut to a little more than a place.

    What is far away may have no coordinates there, such as the poles of a map of the world in a zone of UTM.

    Args:
        polygons: valid polygons or multipolygons in ``source``.
        source: reference system.
        target: reference system.
        near: the place, in ``target``.

    Raises:
        DataError: the place or the polygons have no coordinates in the other system.
    """
    try:
        place = _around(near, Transformer.from_crs(target, source, always_xy=True))
        cut = shapely.segmentize(polygonal(shapely.intersection(polygons, place)), EDGE / _metres(source))
        forward = Transformer.from_crs(source, target, always_xy=True)
        moved = shapely.transform(cut, lambda points: _transformed(points, forward))
    except ProjError as error:
        raise DataError(f'coordinates of {source.name} have none in {target.name} ({error})') from error
    return repair(moved)


def _transformed(points: NDArray[np.float64], transformer: Transformer) -> NDArray[np.float64]:
    return np.column_stack(transformer.transform(points[:, 0], points[:, 1], errcheck=True))


def _around(near: shapely.Polygon, transformer: Transformer) -> shapely.Geometry:
    """Return a box, or two at the ends of the map, around a place."""
    west, south, east, north = near.bounds
    left, bottom, right, top = transformer.transform_bounds(west, south, east, north, errcheck=True)
    high = MARGIN * (top - bottom)
    if left > right:  # across the antimeridian
        boxes = shapely.box([left, -180.0], bottom - high, [180.0, right], top + high)
        return shapely.union_all(boxes)
    wide = MARGIN * (right - left)
    return shapely.box(left - wide, bottom - high, right + wide, top + high)


def _metres(crs: CRS) -> float:
    """Return about how many metres a unit of its coordinates is."""
    factor = crs.axis_info[0].unit_conversion_factor  # to metres or radians
    return factor * RADIUS if crs.is_geographic else factor
