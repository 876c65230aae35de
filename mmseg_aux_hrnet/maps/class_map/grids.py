"""Rasters on one grid: where each lies on the grid of another, the grid over all of them, and which of them touch."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from mmseg_aux_hrnet.maps.class_map.geotiff import Grid

ALIKE = 0.01  # pixels: grids whose corners are no farther off than this from whole pixels are one
MOST_NAMED = 3  # rasters in a line
Place = tuple[int, int]  # column and row of the first pixel


def place_on(reference: Grid, grid: Grid) -> Place | None:
    """Return where a grid lies in the pixels of another; None where the two have no common pixels by their nature.

    They have none where one does not say where it lies, or they differ in reference system, size or place of pixels.
    """
    if unlike_grids(reference, grid) is not None:
        return None
    column, row = ~reference.transform @ (grid.transform.c, grid.transform.f)
    return round(column), round(row)


def unlike_grids(one: Grid, other: Grid) -> str | None:
    """Return in words why two rasters are not on one grid; None where they are."""
    if not (one.placed and other.placed):
        return 'not both say where they lie'
    if one.crs != other.crs:
        names = (str(None if grid.crs is None else grid.crs.to_string())[:60] for grid in (one, other))
        return f'their reference systems differ ({", ".join(names)})'
    to_first = ~one.transform @ other.transform
    # How far the ends of the other's sides are off from where they would be with pixels of the first.
    turned, height = abs(to_first.b) * other.height + abs(to_first.d) * other.width, other.height
    if max(turned, abs(to_first.a - 1) * other.width, abs(to_first.e - 1) * height) > ALIKE:
        first, second = (
            f'{math.hypot(t.a, t.d):g} x {math.hypot(t.b, t.e):g}' for t in (one.transform, other.transform)
        )
        return f'their pixels differ ({first} and {second} map units' + (', turned' if turned > ALIKE else '') + ')'
    beside = [axis - round(axis) for axis in (to_first.c, to_first.f)]
    if max(map(abs, beside)) > ALIKE:
        return f'their pixels lie {beside[0]:.2g} and {beside[1]:.2g} of a pixel beside each other'
    return None


def join_grids(grids: Sequence[Grid]) -> tuple[Grid, list[Place]]:
    """Return the grid that just holds all, as ``gdalbuildvrt`` lays it, and where each lies on it.

    Args:
        grids: one or more, all on one grid.
    """
    first = grids[0]
    places = [place_on(first, grid) or (0, 0) for grid in grids]
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    right = max(place[0] + grid.width for place, grid in zip(places, grids, strict=True))
    bottom = max(place[1] + grid.height for place, grid in zip(places, grids, strict=True))
    corner = grids[places.index((left, top))].transform if (left, top) in places else None
    transform = corner or first.transform @ Affine.translation(left, top)
    joined = Grid(bottom - top, right - left, first.crs, transform, placed=first.placed)
    return joined, [(column - left, row - top) for column, row in places]


def on_one_grid(grids: Sequence[Grid]) -> list[list[int]]:
    """Return the indices of grids that have common pixels together; one that lies nowhere is alone."""
    alike: list[list[int]] = []
    placed = [index for index, grid in enumerate(grids) if grid.placed]
    for index in placed:
        found = next((group for group in alike if place_on(grids[group[0]], grids[index]) is not None), None)
        if found is None:
            alike.append([index])
        else:
            found.append(index)
    return alike + [[index] for index in range(len(grids)) if not grids[index].placed]


def near_pairs(grids: Sequence[Grid], *, gap: int) -> NDArray[np.int64]:
    """Return which of some grids, all on one, are less than a gap apart, index pairs, int64 (pairs, 2), first < second.

    Args:
        grids: all on one grid.
        gap: pixels between two that are just too far apart; 1 for those that touch or overlap.
    """
    _, places = join_grids(grids)
    left, top = np.array(places).T
    width, height = (np.array([getattr(grid, side) for grid in grids]) for side in ('width', 'height'))
    boxes = shapely.box(left, top, left + width, top + height)
    reach = gap - 1
    wide = shapely.box(left - reach, top - reach, left + width + reach, top + height + reach)
    pairs = shapely.STRtree(boxes).query(wide).T
    return np.asarray(pairs[pairs[:, 0] < pairs[:, 1]], np.int64)


def touching_note(grids: Mapping[Path, Grid]) -> str | None:
    """Return a line on rasters of one grid that touch or overlap and are predicted apart; None where none do."""
    paths = list(grids)
    near: set[int] = set()
    for group in on_one_grid(list(grids.values())):
        pairs = near_pairs([grids[paths[index]] for index in group], gap=1)
        near |= {group[index] for index in pairs.ravel()}
    if not near:
        return None
    named = [paths[index].name for index in sorted(near)]
    more = f' and {len(named) - MOST_NAMED} more' if len(named) > MOST_NAMED else ''
    return (
        f'{", ".join(named[:MOST_NAMED])}{more} touch or overlap on one grid: predicted apart, their maps may show '
        'seams, and overlaps count twice; --mosaic predicts them as one ground'
    )
