"""Draws a stratified random sample of pixels from class maps: the strata are the classes of the maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.sampling.area_estimate import FEWEST_POINTS, SMALL_STRATUM
from mmseg_aux_hrnet.sampling.class_maps import class_rows, place_of


class Point(NamedTuple):
    """A pixel of the sample.

    Attributes:
        map_file: its map.
        row: counted from 0 at the top.
        column: counted from 0 at the left.
        map_class: its class on the map.
        place: x and y of its centre and the reference system; None where the map has none.
    """

    map_file: Path
    row: int
    column: int
    map_class: str
    place: tuple[float, float, str] | None = None


def allocate(pixels: Sequence[int], *, points: int) -> list[int]:
    """Return how many points each class gets.

    Every class that is on the map gets the smaller of 50 and an equal share, then the rest goes by area. No class gets
    more points than it has pixels.

    Args:
        pixels: pixels of every class on all maps.
        points: size of the sample.

    Raises:
        ConfigError: too few points for two in every class, or more than pixels.
        DataError: a class has a single pixel.
    """
    present = [count for count in pixels if count]
    if points < FEWEST_POINTS * len(present) or points > sum(present):
        raise ConfigError(
            f'a sample of {points} points of {len(present)} classes on {sum(present)} pixels: take at least '
            f'{FEWEST_POINTS} points for each class, better {SMALL_STRATUM}, and at most as many as there are pixels'
        )
    if min(present) < FEWEST_POINTS:
        raise DataError(
            'a class has a single pixel on the map, so its error cannot be estimated: merge it with another'
        )
    least = min(SMALL_STRATUM, points // len(present))
    given = [min(count, least) for count in pixels]
    # A class that is full leaves its share to the others, who divide it in the next round.
    while (rest := points - sum(given)) > 0:
        room = [count - taken for count, taken in zip(pixels, given, strict=True)]
        shares = _largest_remainder([count if free else 0 for count, free in zip(pixels, room, strict=True)], rest)
        given = [taken + min(share, free) for taken, share, free in zip(given, shares, room, strict=True)]
    return given


def draw_points(
    maps: Sequence[Path], counts: NDArray[np.int64], *, classes: Sequence[str], points: int, seed: int
) -> list[Point]:
    """Return points drawn without replacement, each pixel of a class with the same chance, in the order of the maps.

    Args:
        maps: the map files.
        counts: pixels of every class on every map, int64 (maps, C).
        classes: names of the C classes.
        points: size of the sample.
        seed: the same seed and maps give the same points.

    Raises:
        ConfigError: the seed is negative; and see :func:`allocate`.
        DataError: see :func:`allocate`; or a map has changed since it was counted, or cannot be read any more.
    """
    if seed < 0:
        raise ConfigError(f'--seed {seed}: seeds are whole numbers from 0 on')
    generator = np.random.default_rng(seed)
    sizes = allocate(counts.sum(axis=0).tolist(), points=points)
    # Numbers of pixels are drawn, not pixels: all maps together need not fit into memory.
    ranks = [
        np.sort(generator.choice(int(total), size, replace=False)) if size else np.zeros(0, np.int64)
        for total, size in zip(counts.sum(axis=0), sizes, strict=True)
    ]
    ends = counts.cumsum(axis=0)
    sample = []
    # The pixels of a class are numbered through all maps, and drawn by number: a map is read only to find its own.
    for path, own, end in zip(maps, counts, ends, strict=True):
        drawn = [
            rank[np.searchsorted(rank, stop - size) : np.searchsorted(rank, stop)] - (stop - size)
            for rank, stop, size in zip(ranks, end, own, strict=True)
        ]
        if any(len(rank) for rank in drawn):
            sample += _locate(path, drawn, own, classes=classes)
    return sample


def _largest_remainder(weights: Sequence[int], total: int) -> list[int]:
    """Divide ``total`` into integers in proportion to ``weights``, which are not all zero."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    # By the remainder in whole numbers, equal ones in the order of the classes: the same on every machine.
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in order[: total - sum(shares)]:
        shares[index] += 1
    return shares


def _locate(
    path: Path, ranks: Sequence[NDArray[np.int64]], counts: NDArray[np.int64], *, classes: Sequence[str]
) -> list[Point]:
    """Return the points of one map, given the numbers of the drawn pixels of each class on it, from 0 on."""
    georeference = place_of(path)
    found, seen = [], np.zeros(len(classes), np.int64)
    for top, pixels in class_rows(path, classes=classes):
        for index, (name, rank) in enumerate(zip(classes, ranks, strict=True)):
            places = np.flatnonzero(pixels == index)
            here = rank[(rank >= seen[index]) & (rank < seen[index] + len(places))] - seen[index]
            seen[index] += len(places)
            for row, column in zip(*np.unravel_index(places[here], pixels.shape), strict=True):
                point = Point(path, top + int(row), int(column), name)
                if georeference is not None:
                    transform, crs = georeference
                    x, y = transform @ (point.column + 0.5, point.row + 0.5)
                    point = point._replace(place=(x, y, crs))
                found.append(point)
    if (seen != counts).any():
        raise DataError(f'{path} has changed while it was sampled: run again when it is complete')
    return sorted(found)
