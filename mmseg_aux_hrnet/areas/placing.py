"""Lays zones over a map: from their reference system to its pixels, and what share of each the map covers."""

from typing import Any, NamedTuple

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mmseg_aux_hrnet.areas.ellipsoid import EARTH_RADIUS, Ellipsoid
from mmseg_aux_hrnet.areas.zone_file import Geometries, Zones, valid_polygons
from mmseg_aux_hrnet.errors import DataError

Floats = NDArray[np.float64]
EDGE = 500.0  # metres: an edge of this length leaves its straight line by about 5 mm when it is reprojected
SIDE = 256  # pieces of a side of the map, whose outline is reprojected too
MARGIN = 0.01  # of the map's extent: zones are cut that far around it before they are reprojected


class Grid(NamedTuple):
    """Where a map lies.

    Attributes:
        crs: its reference system.
        transform: from pixels to it.
        shape: (height, width) in pixels.
    """

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    def outline(self) -> shapely.Polygon:
        """Return the outline in ``crs``, with points between the corners."""
        height, width = self.shape
        return _affine(shapely.segmentize(shapely.box(0, 0, width, height), max(self.shape) / SIDE), self.transform)


class PlacedZones(NamedTuple):
    """Zones on a map.

    Attributes:
        polygons: the parts near the map, in pixels: x is the column and y the row downwards, times -1.
        covered: the share of each zone's area that the map covers, 0..1, in the plane of the zones' reference system.
    """

    polygons: Geometries
    covered: Floats


def place_zones(zones: Zones, grid: Grid) -> PlacedZones:
    """Return the zones in the pixels of a map.

    The straight edges of zones are straight in their own reference system.

    Raises:
        DataError: no zone overlaps the map, or one of the two systems does not reach to the other.
    """
    outline, polygons = grid.outline(), zones.polygons
    same = zones.crs.equals(grid.crs, ignore_axis_order=True)
    if not same:
        outline = _reproject(outline, source=grid.crs, target=zones.crs)
        _refuse_torn(outline, zones.crs)
    covered = _covered(polygons, outline)
    if not covered.any():
        raise DataError(
            f'none of the {len(polygons)} zones overlaps the map: in the reference system of the zones, '
            f'{zones.crs.name}, they lie within {_extent(polygons)} and the map within {_extent(outline)}'
        )
    if not same:
        near = shapely.intersection(polygons, _around(outline))
        dense = shapely.segmentize(near, EDGE / _metres(zones.crs))
        polygons = _reproject(dense, source=zones.crs, target=grid.crs)
    to_pixels = Affine.scale(1, -1) @ ~grid.transform
    return PlacedZones(valid_polygons(_affine(polygons, to_pixels)), covered)


def _covered(polygons: Geometries, outline: shapely.Polygon) -> Floats:
    shapely.prepare(outline)
    areas = shapely.area(polygons)
    shares = np.divide(
        shapely.area(shapely.intersection(polygons, outline)), areas, out=np.zeros(len(areas)), where=areas > 0
    )
    return np.where(shapely.covers(outline, polygons) & (areas > 0), 1.0, np.minimum(shares, 1.0))


def _reproject(geometries: Any, *, source: CRS, target: CRS) -> Any:
    transformer = Transformer.from_crs(source, target, always_xy=True)
    moved = shapely.transform(geometries, transformer.transform, interleaved=False)
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise DataError(
            f'zones and map cannot be brought together: {source.name} reaches beyond {target.name} '
            'there: reproject the zones to the reference system of the map'
        )
    return moved


def _refuse_torn(outline: shapely.Polygon, crs: CRS) -> None:
    """Raise where the outline of a map crosses the meridian at which longitudes start again."""
    turn = np.pi / crs.axis_info[0].unit_conversion_factor
    if crs.is_geographic and np.abs(np.diff(shapely.get_coordinates(outline)[:, 0])).max() > turn:
        raise DataError(
            f'the map crosses the edge of {crs.name}, the reference system of the zones: '
            'reproject the zones to the reference system of the map'
        )


def _metres(crs: CRS) -> float:
    """Return about how many metres a unit of a reference system has."""
    ellipsoid = Ellipsoid(crs)
    return ellipsoid.unit * (EARTH_RADIUS if ellipsoid.is_geographic else 1.0)


def _around(outline: shapely.Polygon) -> shapely.Polygon:
    left, bottom, right, top = outline.bounds
    return outline.buffer(MARGIN * max(right - left, top - bottom))


def _affine(geometries: Any, transform: Affine) -> Any:
    a, b, c, d, e, f = tuple(transform)[:6]
    return shapely.transform(geometries, lambda x, y: (a * x + b * y + c, d * x + e * y + f), interleaved=False)


def _extent(geometries: Geometries) -> str:
    return '({:.6g}, {:.6g}) to ({:.6g}, {:.6g})'.format(*shapely.total_bounds(geometries))
