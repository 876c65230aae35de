"""Repairs polygons, and keeps the polygons of what repairs and intersections give."""

import numpy as np
import shapely
from numpy.typing import NDArray

Geometries = NDArray[np.object_]  # of shapely


def repair(geometries: Geometries) -> Geometries:
    """Return what each geometry covers as a valid multipolygon, empty where nothing; parts that overlap are one."""
    return polygonal(shapely.make_valid(polygonal(geometries), method='structure', keep_collapsed=False))


def polygonal(geometries: Geometries) -> Geometries:
    """Return of each geometry its polygons as a multipolygon, without points and lines; empty where it has none."""
    outer, rows = shapely.get_parts(geometries, return_index=True)
    parts, positions = shapely.get_parts(outer, return_index=True)
    areas = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    out: Geometries = np.full(len(geometries), shapely.MultiPolygon(), object)
    shapely.multipolygons(parts[areas], indices=rows[positions[areas]], out=out)
    return out
