"""Divides tiles among train, val and test by the ground that they show, and checks that no place is in two."""

import fnmatch
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from mmseg_aux_hrnet.datasets.ground_split import SEAM, divide_ground, ground_in_two
from mmseg_aux_hrnet.datasets.splits import SPLITS
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError, counted
from mmseg_aux_hrnet.labelling.painting import to_pixels
from mmseg_aux_hrnet.labelling.shapes import Shapes
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid
from mmseg_aux_hrnet.maps.vector.polygons import WGS84, Geometries, reproject_near

BLOCK_TILES = 4  # side of a block of ground in tiles, where there are enough blocks then
ENOUGH_BLOCKS = 24
FAR = 1e8  # metres between planes that have no ground in common


class Plane(NamedTuple):
    """Where the tiles of a raster lie in metres, in a plane that overlapping rasters share.

    Attributes:
        crs: of the raster that the plane is made of.
        to_metres: from ``crs`` to the plane.
    """

    crs: CRS
    to_metres: Affine

    def place(self, outlines: Geometries, crs: CRS) -> Geometries:
        """Return outlines of tiles in metres.

        Raises:
            DataError: they have no place there.
        """
        if not crs.equals(self.crs, ignore_axis_order=True):
            forward = Transformer.from_crs(crs, self.crs, always_xy=True)
            outlines = shapely.transform(outlines, forward.transform, interleaved=False)
        placed: Geometries = shapely.transform(outlines, lambda x, y: self.to_metres @ (x, y), interleaved=False)
        if not np.isfinite(shapely.get_coordinates(placed)).all():
            raise DataError(
                f'rasters in {crs.name} cannot be transformed to {self.crs.name}: make their tiles in two runs'
            )
        return placed


def planes_of(grids: Sequence[TileGrid]) -> list[Plane]:
    """Return the plane of each raster; those that show common ground share one, so that it is seen.

    A plane lies along the pixels of its first raster: there, tiles are upright boxes however the raster is turned.

    Raises:
        DataError: a raster lies beyond the earth.
    """
    systems = [CRS.from_wkt(grid.crs.to_wkt()) for grid in grids]
    group = list(range(len(grids)))
    grounds = np.array([_on_earth(grid, system) for grid, system in zip(grids, systems, strict=True)], object)
    along = [_direction(grid) for grid in grids]
    for later in range(len(grids)):
        for first in range(later):
            alike = systems[later] == systems[first] and along[later] == along[first]
            if group[later] != group[first] and (alike or shapely.intersects(grounds[later], grounds[first])):
                joined, into = sorted((group[later], group[first]), reverse=True)
                group = [into if number == joined else number for number in group]
    return [_plane(grids[number], systems[number], apart=FAR * number) for number in group]


def _direction(grid: TileGrid) -> tuple[float, ...]:
    """Return which way the pixels lie."""
    by = np.hypot(grid.transform.a, grid.transform.d)
    return tuple(round(float(value / by), 6) for value in (grid.transform.a, grid.transform.d))


def _on_earth(grid: TileGrid, system: CRS) -> shapely.Geometry:
    outline = shapely.segmentize(grid.outline(), grid.outline().length / 64)
    try:
        to_degrees = Transformer.from_crs(system, WGS84, always_xy=True)
        return shapely.transform(outline, to_degrees.transform, interleaved=False)
    except ProjError as error:
        raise DataError(f'rasters in {system.name} have no longitudes and latitudes ({error})') from error


def _plane(grid: TileGrid, system: CRS, *, apart: float) -> Plane:
    down, right = grid.metres
    # Upwards is up, so that a picture of the plane looks like the map.
    return Plane(system, Affine.translation(apart, 0) @ Affine.scale(right, -down) @ ~grid.transform)


def default_block(boxes: NDArray[np.float64], *, side: float) -> float:
    """Return a side of blocks in metres: several tiles, fewer where the ground is small."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    for tiles in range(BLOCK_TILES, 1, -1):
        if len(np.unique(np.floor(centres / (tiles * side)), axis=0)) >= ENOUGH_BLOCKS:
            return tiles * side
    return side


def split_by_ground(
    grounds: Geometries, *, block: float | None, side: float, ratios: Sequence[float], seed: int
) -> tuple[list[str | None], float]:
    """Return the split of each tile, None where it is left out, and the side of the blocks in metres.

    Args:
        grounds: outlines of the tiles in metres, in the planes of :func:`planes_of`.
        block: side of the blocks in metres; None chooses one.
        side: of a tile in metres.
        ratios: shares of train, val and test.
        seed: of the division.

    Raises:
        SplitError: as :func:`~mmseg_aux_hrnet.datasets.ground_split.divide_ground`.
    """
    boxes = shapely.bounds(grounds)
    block = default_block(boxes, side=side) if block is None else block
    return divide_ground(boxes, block=block, ratios=ratios, seed=seed), block


def split_by_raster(names: Sequence[str], text: str) -> list[str]:
    """Return the split of each raster by ``SPLIT=PATTERN,SPLIT=PATTERN``; those that no pattern meets are for training.

    Args:
        names: of the rasters.
        text: of the option; a split may be there several times.

    Raises:
        ConfigError: it is malformed, a pattern meets no raster, or a raster is met for two splits.
    """
    found: dict[str, str] = {}
    for part in text.split(','):
        split, equals, pattern = (piece.strip() for piece in part.partition('='))
        hits = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if split not in SPLITS or not equals or not hits:
            raise ConfigError(
                f'--split-rasters {part.strip()!r}: give {"|".join(SPLITS)}=PATTERN that fits a raster, such as '
                f'test={names[0]}'
            )
        for name in hits:
            if found.setdefault(name, split) != split:
                raise ConfigError(f'--split-rasters: {name} is in {found[name]} and in {split}: correct a pattern')
    return [found.get(name, 'train') for name in names]


def split_of_areas(areas: Sequence[Shapes], grid: TileGrid, outlines: Geometries) -> list[str | None]:
    """Return the split of each tile by polygons; None where it touches none, or areas of two splits.

    Args:
        areas: whose values are the places of splits in ``SPLITS``.
        grid: of the tiles.
        outlines: of the tiles, in the reference system of the grid.

    Raises:
        DataError: coordinates have no place in the other reference system.
    """
    target = CRS.from_wkt(grid.crs.to_wkt())
    tiles = to_pixels(outlines, grid.transform)
    inner = shapely.buffer(tiles, -0.5, join_style='mitre')  # pixels: a seam of two areas on a tile's edge is not in it
    touched = np.zeros((len(tiles), len(SPLITS)), bool)
    for each in areas:
        polygons = each.polygons
        if not each.crs.equals(target, ignore_axis_order=True):
            polygons, _ = reproject_near(polygons, each.crs, target, near=grid.outline())
        hits, tile = shapely.STRtree(inner).query(to_pixels(polygons, grid.transform), predicate='intersects')
        touched[tile, each.values[hits]] = True
    return [SPLITS[int(row.argmax())] if row.sum() == 1 else None for row in touched]


def yield_ground(grounds: Geometries, splits: Sequence[str | None]) -> list[str | None]:
    """Return splits in which tiles that share ground with one of a later split are left out.

    Args:
        grounds: outlines of the tiles in metres.
        splits: of each; None where it is left out already.
    """
    result = np.array(splits, object)
    inner = shapely.buffer(grounds, -SEAM / 2, join_style='mitre')
    first, second = shapely.STRtree(inner).query(inner, predicate='intersects')
    for place in range(len(SPLITS) - 2, -1, -1):  # val first: train need not give way to what val leaves out
        later = np.isin(result, SPLITS[place + 1 :])
        result[first[(result[first] == SPLITS[place]) & later[second]]] = None
    return list(result)


def check_division(grounds: Geometries, splits: Sequence[str | None]) -> str:
    """Return the line that says that no place is in two splits.

    Raises:
        SplitError: some is; nothing must be written then.
    """
    pairs = ground_in_two(grounds, splits)
    there = np.array([split is not None for split in splits])
    if pairs:
        raise SplitError(f'{pairs} pairs of tiles in two splits share ground: please report the command')
    return f'ground in two splits: 0 m² (outlines of {counted(there.sum(), "tile")} compared)'
