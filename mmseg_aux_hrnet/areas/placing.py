"""Lays zones over a map: from their reference system to its pixels, and what share of each the map covers."""

from typing import Any, NamedTuple

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mmseg_aux_hrnet.areas.zone_file import Zones
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.raster.polygonal import Geometries, repair
from mmseg_aux_hrnet.raster.reprojection import reproject_near

Floats = NDArray[np.float64]
SIDE = 256  # pieces of a side of the map, whose outline is reprojected too


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
        outline = _outline_in(zones.crs, outline, source=grid.crs)
    covered = _covered(polygons, outline)
    if not covered.any():
        raise DataError(
            f'none of the {len(polygons)} zones overlaps the map: in the reference system of the zones, '
            f'{zones.crs.name}, they lie within {_extent(polygons)} and the map within {_extent(outline)}'
        )
    if not same:
        polygons = reproject_near(polygons, zones.crs, grid.crs, near=grid.outline())
    to_pixels = Affine.scale(1, -1) @ ~grid.transform
    return PlacedZones(repair(_affine(polygons, to_pixels)), covered)


def _covered(polygons: Geometries, outline: shapely.Polygon) -> Floats:
    shapely.prepare(outline)
    areas = shapely.area(polygons)
    shares = np.divide(
        shapely.area(shapely.intersection(polygons, outline)), areas, out=np.zeros(len(areas)), where=areas > 0
    )
    return np.where(shapely.covers(outline, polygons) & (areas > 0), 1.0, np.minimum(shares, 1.0))


def _outline_in(crs: CRS, outline: shapely.Polygon, *, source: CRS) -> shapely.Polygon:
    """Return the outline of a map in another reference system, where it has one."""
    forward = Transformer.from_crs(source, crs, always_xy=True)
    moved = shapely.transform(outline, forward.transform, interleaved=False)
    points = shapely.get_coordinates(moved)
    turn = np.pi / crs.axis_info[0].unit_conversion_factor if crs.is_geographic else np.inf
    # A jump is where longitudes start again.
    if not np.isfinite(points).all() or np.abs(np.diff(points[:, 0])).max() > turn or not moved.is_valid:
        raise DataError(
            f'the map reaches beyond the edge of {crs.name}, the reference system of the zones: '
            'reproject the zones to the reference system of the map'
        )
    return moved


def _affine(geometries: Any, transform: Affine) -> Any:
    a, b, c, d, e, f = tuple(transform)[:6]
    return shapely.transform(geometries, lambda x, y: (a * x + b * y + c, d * x + e * y + f), interleaved=False)


def _extent(geometries: Geometries) -> str:
    return '({:.6g}, {:.6g}) to ({:.6g}, {:.6g})'.format(*shapely.total_bounds(geometries))
