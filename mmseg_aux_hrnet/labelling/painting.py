"""Paints labels on the grid of a raster, window by window: from polygons, and from class rasters."""

import math
from collections.abc import Sequence

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS as VectorCRS
from rasterio.features import rasterize
from rasterio.windows import Window

from mmseg_aux_hrnet.labelling.shapes import Shapes
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid
from mmseg_aux_hrnet.labelling.writing import IGNORED
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, reproject_near

MARGIN = 2  # pixels round a window in which outlines keep their course
MANY = 256  # vertices: outlines of more are cut to the window before they are painted


class Canvas:
    """Polygons in pixels of a grid, from the lowest to the highest.

    A pixel belongs to a polygon by its centre, as in ``rasterio.features.rasterize`` over the whole grid.

    Args:
        polygons: shapely objects, columns to the right and rows down (N,).
        values: of each, 0..255.
        uncovered: value of pixels that no polygon covers.
        all_touched: pixels that a polygon touches belong to it.
    """

    def __init__(
        self, polygons: Geometries, values: NDArray[np.int64], *, uncovered: int, all_touched: bool = False
    ) -> None:
        self._polygons = polygons
        self._values = values
        self._uncovered = uncovered
        self._all_touched = all_touched
        self._tree = shapely.STRtree(polygons)
        self._is_long = shapely.get_num_coordinates(polygons) > MANY

    def paint(self, window: Window) -> NDArray[np.uint8]:
        """Return the values of a window, uint8 (H, W)."""
        (top, bottom), (left, right) = window.toranges()
        box = shapely.box(left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN)
        chosen = np.sort(self._tree.query(box))  # the order of painting is that of their numbers
        label = np.full((window.height, window.width), self._uncovered, np.uint8)
        near = self._polygons[chosen]
        long = self._is_long[chosen]
        near[long] = shapely.clip_by_rect(near[long], *box.bounds)
        there = ~shapely.is_empty(near)
        if there.any():
            # Whole pixels are taken off, which is exact: so a tile is the same part of the whole.
            near = shapely.transform(near[there], lambda points: points - (left, top))
            pairs = zip(near, self._values[chosen][there].tolist(), strict=True)
            rasterize(pairs, out=label, all_touched=self._all_touched)
        return label


def place_on_grid(
    shapes: Sequence[Shapes], grid: TileGrid, *, margin: int = 0
) -> tuple[Geometries, NDArray[np.int64], list[str]]:
    """Return the polygons near a grid in its pixels, their values, and notes about the reprojection.

    Args:
        shapes: polygons.
        grid: of the tiles.
        margin: pixels round the grid that are near too.

    Raises:
        DataError: coordinates of one reference system have none in the other.
    """
    outline = grid.outline(Window(-margin, -margin, grid.width + 2 * margin, grid.height + 2 * margin))
    target = VectorCRS.from_wkt(grid.crs.to_wkt())
    placed, values, notes = [], [], []
    for each in shapes:
        polygons, of_each = each.polygons, each.values
        if not each.crs.equals(target, ignore_axis_order=True):
            polygons, note = reproject_near(polygons, each.crs, target, near=outline)
            notes += [] if note is None else [f'{each.source}: {note}']
        touching = shapely.intersects(polygons, outline)
        parts, rows = shapely.get_parts(polygons[touching], return_index=True)  # GDAL is handed them twice as fast
        placed.append(to_pixels(parts, grid.transform))
        values.append(of_each[touching][rows])
    return np.concatenate(placed), np.concatenate(values), notes


def to_pixels(geometries: Geometries, transform: Affine) -> Geometries:
    """Return geometries in columns and rows of a raster or grid."""
    if transform.b == transform.d == 0:  # as GDAL does it, to the last digit
        inverse = Affine(1 / transform.a, 0, -transform.c / transform.a, 0, 1 / transform.e, -transform.f / transform.e)
    else:
        inverse = ~transform
    placed: Geometries = shapely.transform(geometries, lambda x, y: inverse @ (x, y), interleaved=False)
    return placed


def bands_round(polygons: Geometries, *, metres: float, pixel: tuple[float, float]) -> Geometries:
    """Return what lies within some metres of an outline.

    Args:
        polygons: in pixels.
        metres: on each side of the outline.
        pixel: metres of a pixel, down and to the right.
    """
    by = np.array(pixel[::-1])
    outlines = shapely.boundary(shapely.transform(polygons, lambda points: points * by))
    bands: Geometries = shapely.transform(shapely.buffer(outlines, metres, quad_segs=4), lambda points: points / by)
    return bands


def canvas_of(
    shapes: Sequence[Shapes],
    grid: TileGrid,
    *,
    painting: Sequence[int],
    uncovered: int,
    all_touched: bool = False,
    border_ignore: float = 0.0,
) -> tuple[Canvas, list[str]]:
    """Return the canvas of a raster, and notes.

    Args:
        shapes: polygons with their classes.
        grid: of the tiles.
        painting: classes and ``IGNORED``, the lowest first.
        uncovered: value of pixels that no polygon covers.
        all_touched: pixels that a polygon touches belong to it.
        border_ignore: metres on each side of every outline that are ignored.
    """
    margin = math.ceil(border_ignore / min(grid.metres))  # the band of a polygon beyond the edge may reach over it
    polygons, values, notes = place_on_grid(shapes, grid, margin=margin)
    rank = np.zeros(IGNORED + 1, np.int64)
    rank[list(painting)] = np.arange(len(painting))
    order = np.argsort(rank[values], kind='stable')
    polygons, values = polygons[order], values[order]
    if border_ignore > 0 and len(polygons):
        bands = bands_round(polygons, metres=border_ignore, pixel=grid.metres)
        polygons, values = np.concatenate([polygons, bands]), np.concatenate([values, np.full(len(bands), IGNORED)])
    return Canvas(polygons, values, uncovered=uncovered, all_touched=all_touched), notes
