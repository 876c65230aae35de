"""Polygons as arrays of shapely objects: repaired, and brought into another reference system."""

import warnings
from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from pyproj.transformer import AreaOfInterest as Place
from pyproj.transformer import TransformerGroup

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.ground import EARTH_RADIUS

Geometries = NDArray[np.object_]  # shapely objects
WGS84 = 'OGC:CRS84'
GOOD = 1.0  # metres: an operation between reference systems that is as good is taken without a word
EDGE = 500.0  # metres: the chord of so long an arc on the earth leaves it by 5 mm
MARGIN = 0.1  # of a place's size, kept around it


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


def reproject_near(
    polygons: Geometries, source: CRS, target: CRS, *, near: shapely.Polygon
) -> tuple[Geometries, str | None]:
    """Return each geometry in another reference system, and a note where it may be off by more than a metre there.

    Each is a multipolygon, cut to a little more than a place. What is far away may have no coordinates there, such as
    the poles of a map of the world in a zone of UTM.

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
        factor = source.axis_info[0].unit_conversion_factor  # to metres or radians
        metres = factor * EARTH_RADIUS if source.is_geographic else factor
        cut = shapely.segmentize(polygonal(shapely.intersection(polygons, place)), EDGE / metres)
        transformer = Transformer.from_crs(source, target, always_xy=True)
        # errcheck: without it, points that have no coordinates there become infinite without an error
        forward = partial(transformer.transform, errcheck=True)
        moved = shapely.transform(cut, forward, interleaved=False)
        to_degrees = Transformer.from_crs(target, WGS84, always_xy=True)
        note = operation_note(transformer, bounds=to_degrees.transform_bounds(*near.bounds))
    except ProjError as error:
        raise DataError(f'coordinates of {source.name} have none in {target.name} ({error})') from error
    return repair(moved), note


def operation_note(transformer: Transformer, *, bounds: tuple[float, float, float, float]) -> str | None:
    """Return a note on the accuracy of the operation that moved coordinates; None if it is better than a metre.

    Args:
        transformer: it has just moved some; PROJ chooses the operation for each place.
        bounds: of them, west, south, east and north in degrees.
    """
    source, target = transformer.source_crs, transformer.target_crs
    assert source is not None and target is not None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        place = Place(*bounds) if np.isfinite(bounds).all() else None
        group = TransformerGroup(source, target, always_xy=True, area_of_interest=place)
        try:
            used = transformer.get_last_used_operation()
        except ProjError:
            return None
    known = used.accuracy >= 0
    better = [found for found in group.unavailable_operations if not known or 0 <= found.accuracy < used.accuracy]
    grids = [(grid.short_name, found.accuracy) for found in better for grid in found.grids if not grid.available]
    if known and used.accuracy <= GOOD and not grids:
        return None
    how = f'an accuracy of {used.accuracy:g} m' if known else 'unknown accuracy'
    if 'allpark' in used.description:
        how += ', without the shift between their datums, which may be a hundred metres'
    name, metres = grids[0] if grids else ('', 0.0)
    advice = f'; {metres:g} m needs the grid file {name}: projsync --file {name}' if grids else ''
    names = [crs.name.split(' (with axis order')[0] for crs in (source, target)]
    return f'coordinates in {names[0]} became those in {names[1]} with {how}{advice}'


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


def in_system(outlines: Geometries, source: CRS, target: CRS) -> Geometries:
    """Return outlines in another reference system."""
    if source.equals(target, ignore_axis_order=True):
        return outlines
    forward = Transformer.from_crs(source, target, always_xy=True)
    moved: Geometries = shapely.transform(outlines, forward.transform, interleaved=False)
    return moved
