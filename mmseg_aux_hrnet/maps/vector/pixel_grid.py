"""The pixels of a map as a grid on the ground, and zones brought into them."""

from typing import Any, NamedTuple

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, repair, reproject_near
from mmseg_aux_hrnet.maps.vector.zones import Zones

SIDE = 256  # pieces of a side of the map, whose outline is reprojected too
Floats = NDArray[np.float64]


class PixelGrid(NamedTuple):
    """Where the pixels of a map, or of a picture of it, lie.

    Attributes:
        crs: its reference system.
        transform: from pixels to it.
        shape: (height, width) in pixels.
    """

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    def outline(self) -> shapely.Polygon:
        """Return the outline in ``crs``, with points between the corners: elsewhere its sides may be curves."""
        height, width = self.shape
        return _affine(shapely.segmentize(shapely.box(0, 0, width, height), max(self.shape) / SIDE), self.transform)


def place_zones(zones: Zones, grid: PixelGrid) -> tuple[Geometries, Floats, str | None]:
    """Return the zones in the pixels of a map, and which share of each the map covers.

    The straight edges of zones are straight in their own reference system.

    Returns:
        The parts near the map, in pixels: x is the column and y the row downwards, times -1; the share of each zone's
        area that the map covers, 0..1, in the plane of the zones' reference system; and a note where they may be off.

    Raises:
        DataError: no zone overlaps the map, or one of the two systems does not reach to the other.
    """
    outline, polygons = grid.outline(), zones.polygons
    same = zones.crs.equals(grid.crs, ignore_axis_order=True)
    if not same:
        outline = _outline_in(zones.crs, outline, source=grid.crs)
    shapely.prepare(outline)
    areas = shapely.area(polygons)
    inside = shapely.area(shapely.intersection(polygons, outline))
    covered = np.minimum(np.divide(inside, areas, out=np.zeros(len(areas)), where=areas > 0), 1.0)
    # The quotient of a zone that lies inside may miss 1 by rounding, and the user would read of a zone that is cut off.
    covered[shapely.covers(outline, polygons) & (areas > 0)] = 1.0
    if not covered.any():
        bounds = shapely.total_bounds(polygons), shapely.total_bounds(outline)
        extents = ['({:.6g}, {:.6g}) to ({:.6g}, {:.6g})'.format(*corners) for corners in bounds]
        raise DataError(
            f'no zone of {len(polygons)} overlaps the map: in the reference system of the zones, '
            f'{zones.crs.name}, they lie within {extents[0]} and the map within {extents[1]}'
        )
    note = None
    if not same:
        polygons, note = reproject_near(polygons, zones.crs, grid.crs, near=grid.outline())
    # y is turned round because exactextract knows rasters with north up only; so rotated maps are like any other.
    to_pixels = Affine.scale(1, -1) @ ~grid.transform
    return repair(_affine(polygons, to_pixels)), covered, note


def _outline_in(crs: CRS, outline: shapely.Polygon, *, source: CRS) -> shapely.Polygon:
    """Return the outline of a map in another reference system, where it has one."""
    forward = Transformer.from_crs(source, crs, always_xy=True)
    moved = shapely.transform(outline, forward.transform, interleaved=False)
    points = shapely.get_coordinates(moved)
    turn = np.pi / crs.axis_info[0].unit_conversion_factor if crs.is_geographic else np.inf
    # A jump of half a turn is where longitudes start again.
    if not np.isfinite(points).all() or np.abs(np.diff(points[:, 0])).max() > turn or not moved.is_valid:
        raise DataError(
            f'the map reaches beyond the edge of {crs.name}, the reference system of the zones: '
            'reproject the zones to the reference system of the map'
        )
    return moved


def _affine(geometries: Any, transform: Affine) -> Any:
    return shapely.transform(geometries, lambda x, y: transform @ (x, y), interleaved=False)
