"""Proposes where to annotate next: tiles in which a network is unsure, far apart and away from those that exist."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window
from rich import box
from rich.table import Table

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.files.whole import whole_set
from mmseg_aux_hrnet.labelling.division import Plane, planes_of
from mmseg_aux_hrnet.labelling.results import write_outlines
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid
from mmseg_aux_hrnet.maps.class_map.uncertainty import UNCERTAINTY_NODATA, UNCERTAINTY_STEPS, open_uncertainty
from mmseg_aux_hrnet.maps.styles import outline_style
from mmseg_aux_hrnet.maps.vector.polygon_file import read_polygons
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, in_system, reproject_near

Floats = NDArray[np.float64]
OnStrip = Callable[[int, int], object]  # rows of tiles that are looked at, and of how many
COLOUR = (213, 0, 109)  # magenta: it stands out on an orthophoto
TITLES = {'rank': 'rank', 'tile': 'tile', 'uncertainty': 'mean uncertainty', 'map': 'map'}
DECIMALS = 6
INSIDE = 0.5  # pixels: tiles that meet at an edge share no ground, whatever rounding says


class Candidate(NamedTuple):
    """A tile that may be proposed.

    Attributes:
        path: of its uncertainty map.
        name: that ``make_tiles`` will give it.
        outline: in the reference system of its map.
        ground: the same in metres.
        uncertainty: mean of its pixels with data, 0..1.
    """

    path: Path
    name: str
    outline: shapely.Polygon
    ground: shapely.Polygon
    uncertainty: float


@dataclass(frozen=True)
class Proposal:
    """Tiles to annotate next.

    Attributes:
        tiles: the first one first.
        crs: of the first map, in which they are written.
        systems: of the maps, by path.
        notes: lines that a user should read.
    """

    tiles: tuple[Candidate, ...]
    crs: CRS
    systems: dict[Path, CRS]
    notes: tuple[str, ...]


def next_tiles(
    maps: Sequence[Path],
    *,
    count: int,
    tile: int = 512,
    gsd: float | None = None,
    not_in: Sequence[Path] = (),
    max_nodata: float = 0.5,
    on_strip: OnStrip = lambda done, total: None,
) -> Proposal:
    """Return the tiles to annotate next: unsure, and spread over the ground.

    The candidates are the tiles that ``make_tiles`` cuts with the same ``tile`` and ``gsd``. One after the other is
    chosen: that with the highest product of its mean uncertainty and ``min(1, d / s)``, where d is how far its middle
    lies from the nearest tile that is chosen or exists, and s is the spacing that ``count`` tiles have when they are
    spread evenly over the candidates. Of equal ones the first is taken, map by map and row by row.

    Args:
        maps: uncertainty maps, as ``predict_raster`` writes them.
        count: of tiles.
        tile: side in pixels.
        gsd: metres of a pixel of the tiles; None for the pixels of the maps.
        not_in: polygons of tiles or areas that are annotated already.
        max_nodata: tiles with a larger share without data are left out.
        on_strip: is told how it goes.

    Raises:
        ConfigError: a number is out of range, or a tile is larger than a map.
        DataError: a file cannot be read, is no uncertainty map or lies nowhere, or no tile is left.
    """
    _check(count, tile=tile, gsd=gsd, max_nodata=max_nodata)
    paths = sorted({path.resolve(): path for path in maps}.values())
    grids = [_grid(path, tile=tile, gsd=gsd) for path in paths]
    systems = {path: CRS.from_wkt(grid.crs.to_wkt()) for path, grid in zip(paths, grids, strict=True)}
    planes = planes_of(grids)
    known_of = [[_known(path, grid, plane) for path in not_in] for grid, plane in zip(grids, planes, strict=True)]
    far = [path for number, path in enumerate(not_in) if not any(len(known[number]) for known in known_of)]
    taken = [np.concatenate([np.array([], object), *known]) for known in known_of]
    total = sum(1 for grid in grids for _ in grid.windows(tile, overlap=0))
    candidates: list[Candidate] = []
    seen = 0
    for path, grid, plane, known in zip(paths, grids, planes, taken, strict=True):
        for looked, found in _rows_of_tiles(path, grid, plane, tile=tile, max_nodata=max_nodata):
            candidates += _untouched(found, known, by=INSIDE * min(grid.metres))
            seen += looked
            on_strip(seen, total)
    if not candidates:
        raise DataError(
            f'none of {counted(total, "tile")} is left: all lie in --not-in, or have more than {100 * max_nodata:g} % '
            'without data: give other maps, or a smaller --tile'
        )
    chosen = choose(candidates, np.concatenate(taken), count=count)
    notes = [f'{path} lies outside of all maps: it keeps no tile from being proposed' for path in far]
    if len(candidates) < total:
        said = f'{len(candidates)} of {counted(total, "tile")} can be chosen from'
        notes.append(f'{said} (the others touch --not-in, or have too little data)')
    if len(chosen) < count:
        notes.append(f'asked for: {counted(count, "tile")}; there are {len(chosen)}')
    return Proposal(tuple(candidates[number] for number in chosen), systems[paths[0]], systems, tuple(notes))


def choose(candidates: Sequence[Candidate], taken: Geometries, *, count: int) -> list[int]:
    """Return the numbers of the candidates to take, the first one first; see :func:`next_tiles`.

    Args:
        candidates: at least one.
        taken: ground that is annotated, in metres.
        count: at most so many.
    """
    grounds = np.array([each.ground for each in candidates], object)
    unsure = np.array([each.uncertainty for each in candidates])
    spacing = math.sqrt(float(shapely.area(grounds).sum()) / count)
    middles = shapely.centroid(grounds)
    distances: Floats = np.full(len(grounds), np.inf)
    if len(taken):
        (numbers, _), nearest = shapely.STRtree(taken).query_nearest(middles, return_distance=True, all_matches=False)
        distances[numbers] = nearest
    chosen: list[int] = []
    free = np.ones(len(grounds), bool)
    for _ in range(min(count, len(grounds))):
        # Rounded, so that what differs by rounding only is decided by the order, on whatever machine.
        worth = np.round(unsure * np.minimum(1, distances / spacing), 9)
        best = int(np.argmax(np.where(free, worth, -1)))
        chosen.append(best)
        free[best] = False
        distances = np.minimum(distances, shapely.distance(middles, grounds[best]))
    return chosen


def _check(count: int, *, tile: int, gsd: float | None, max_nodata: float) -> None:
    if count < 1 or tile < 1:
        raise ConfigError(f'--tiles {count} --tile {tile}: give 1 or more of both')
    if gsd is not None and not 0 < gsd < math.inf:
        raise ConfigError(f'--gsd is {gsd:g}: give metres per pixel, such as 0.3')
    if not 0 <= max_nodata < 1:
        raise ConfigError(f'--max-nodata is {max_nodata:g}: give a share from 0 to below 1')


def _grid(path: Path, *, tile: int, gsd: float | None) -> TileGrid:
    with open_uncertainty(path) as opened:
        where = opened.grid
    try:
        grid = TileGrid.over(where.crs, where.transform, height=where.height, width=where.width, gsd=gsd)
    except DataError as error:
        raise DataError(f'{path}: {error}') from error
    least = min(grid.height, grid.width)
    if tile > least:
        size = f'{grid.height} x {grid.width} pixels{"" if grid.is_raster else " at --gsd"}'
        raise ConfigError(f'{path} is {size}, and a tile {tile} x {tile}: give --tile {least} or less')
    return grid


def _known(path: Path, grid: TileGrid, plane: Plane) -> Geometries:
    """Return what a file says is annotated near a map, in metres of its plane."""
    polygons, crs = read_polygons(path)
    system = CRS.from_wkt(grid.crs.to_wkt())
    try:
        near, _ = reproject_near(polygons, crs, system, near=grid.outline())
    except DataError:  # it is of another part of the earth, which has no coordinates here
        return np.array([], object)
    near = near[~shapely.is_empty(near)]
    return plane.place(near, system) if len(near) else near


def _untouched(found: Sequence[Candidate], known: Geometries, *, by: float) -> list[Candidate]:
    """Return those that share no ground with what is known.

    Args:
        found: of one map.
        known: in metres of the same plane.
        by: metres that each is shrunk, because coordinates of another reference system come back with rounding.
    """
    inner = shapely.buffer(np.array([each.ground for each in found], object), -by)
    touched = set(shapely.STRtree(known).query(inner, predicate='intersects')[0].tolist())
    return [each for number, each in enumerate(found) if number not in touched]


def _rows_of_tiles(
    path: Path, grid: TileGrid, plane: Plane, *, tile: int, max_nodata: float
) -> Iterator[tuple[int, list[Candidate]]]:
    """Yield for each row how many tiles it has, and those with enough data."""
    stem = path.stem.removesuffix('_uncertainty')
    system = CRS.from_wkt(grid.crs.to_wkt())
    rows: dict[int, list[Window]] = {}
    for window in grid.windows(tile, overlap=0):
        rows.setdefault(window.row_off, []).append(window)
    with open_uncertainty(path) as opened:
        height, width = opened.grid.height, opened.grid.width
        for row, windows in rows.items():
            top, bottom = (min(height, round(edge * grid.steps[0])) for edge in (row, row + tile))
            values = opened.read(Window(0, top, width, bottom - top))
            valid = values != UNCERTAINTY_NODATA
            counts, sums = valid.sum(axis=0), np.where(valid, values, 0).sum(axis=0, dtype=np.int64)
            found = []
            for window in windows:
                edges = window.col_off, window.col_off + tile
                columns = slice(*(min(width, round(edge * grid.steps[1])) for edge in edges))
                count, total = int(counts[columns].sum()), int(sums[columns].sum())
                whole = tile * tile * grid.steps[0] * grid.steps[1]  # also what lies beyond the map
                if count and 1 - count / whole <= max_nodata:
                    outline = grid.outline(window)
                    [ground] = plane.place(np.array([outline], object), system)
                    name = f'{stem}_{window.row_off:05d}_{window.col_off:05d}'
                    mean = round(total / count / UNCERTAINTY_STEPS, DECIMALS)
                    found.append(Candidate(path, name, outline, ground, mean))
            yield len(windows), found


def write_next_tiles(proposal: Proposal, path: Path) -> None:
    """Write the outlines of tiles as a GeoPackage, to the same bytes whenever it is written.

    Raises:
        DataError: it cannot be written.
    """
    tiles = proposal.tiles
    columns: dict[str, list[Any]] = {
        'rank': list(range(1, len(tiles) + 1)),
        'tile': [tile.name for tile in tiles],
        'uncertainty': [tile.uncertainty for tile in tiles],
        'map': [tile.path.name for tile in tiles],
    }
    outlines = [in_system(tile.outline, proposal.systems[tile.path], proposal.crs) for tile in tiles]
    try:
        with whole_set(path) as part:
            write_outlines(
                part,
                columns,
                np.array(outlines, object),
                crs=proposal.crs,
                style=outline_style(COLOUR, titles=TITLES),
            )
    except OSError as error:
        raise DataError(
            f'{path} cannot be written ({error.strerror or error}): choose a folder that is writable'
        ) from error


def proposal_table(proposal: Proposal) -> Table:
    """Return for the screen where to annotate next."""
    table = Table(box=box.SIMPLE)
    for title in ('rank', 'tile', 'uncertainty'):
        table.add_column(title, justify='left' if title == 'tile' else 'right', overflow='fold')
    for rank, tile in enumerate(proposal.tiles, start=1):
        table.add_row(str(rank), tile.name, f'{tile.uncertainty:.3f}')
    return table
