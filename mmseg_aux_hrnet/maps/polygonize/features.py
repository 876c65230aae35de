"""Polygons with their attributes, in the reference system of the map."""

from typing import NamedTuple

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from mmseg_aux_hrnet.maps.polygonize.pixel_polygons import PixelPolygons
from mmseg_aux_hrnet.maps.polygonize.tracing import Floats, PixelArea

# At most ten characters: a Shapefile cuts longer names.
CLASS_ID, CLASS_NAME, PIXELS, AREA = 'class_id', 'class_name', 'pixels', 'area_m2'


class Features(NamedTuple):
    """Polygons and their attributes.

    Attributes:
        polygons: in the reference system of the map, outlines anticlockwise, holes clockwise (n,).
        columns: the attributes by name, each (n,).
    """

    polygons: NDArray[np.object_]
    columns: dict[str, NDArray[np.generic]]


def make_features(
    traced: PixelPolygons, *, names: tuple[str, ...], transform: Affine, pixel_area: PixelArea | None
) -> Features:
    """Return polygons with class index and name, number of pixels, and square metres where they are known.

    Args:
        traced: polygons in pixels.
        names: of the classes.
        transform: from pixels to the reference system.
        pixel_area: of the map; None where its size is not known.
    """
    columns: dict[str, NDArray[np.generic]] = {
        CLASS_ID: traced.values.astype(np.int32),
        CLASS_NAME: np.array([names[value] for value in traced.values], object),
        PIXELS: traced.pixels,
    }
    if pixel_area is not None:
        columns[AREA] = square_metres(traced.outlines, pixel_area)
    placed = shapely.transform(traced.outlines, lambda points: place(points, transform))
    return Features(np.asarray(shapely.orient_polygons(placed)), columns)


def square_metres(outlines: NDArray[np.object_], pixel_area: PixelArea) -> Floats:
    """Return the area on the ground of polygons in pixels, float64 (n,)."""
    return np.asarray(shapely.area(outlines) * pixel_area(shapely.get_coordinates(shapely.centroid(outlines))))


def place(points: Floats, transform: Affine) -> Floats:
    """Return places (column, row) in the reference system, float64 (n, 2)."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return np.asarray(points @ np.array([[a, d], [b, e]]) + (c, f))
