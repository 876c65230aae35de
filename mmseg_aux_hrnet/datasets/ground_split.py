"""Divides tiles by the ground that they show, and says how much ground two splits share. Needs the extra ``geo``."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.splits import SPLITS, deal_scenes
from mmseg_aux_hrnet.errors import SplitError, counted
from mmseg_aux_hrnet.raster.place import Place, metric_corners

SEAM = 1e-3  # metres; neighbours whose corners were computed apart share less ground than that


def grounds_of(places: Sequence[Place]) -> tuple[NDArray[Any], float]:
    """Return the ground of tiles as polygons in metres of one reference system, (N,), and the seam between them.

    Raises:
        DataError: see :func:`~mmseg_aux_hrnet.raster.place.metric_corners`.
    """
    corners, seam = metric_corners(places)
    polygons: NDArray[Any] = shapely.polygons(corners)
    return polygons, seam


def divide_ground(
    grounds: NDArray[Any], *, block: float, ratios: Sequence[float], seed: int, seam: float = SEAM
) -> list[str | None]:
    """Return the split of each tile, so that no place on the ground is in two splits; None where a tile is left out.

    Squares of ground, which lie at multiples of their side, are dealt to train, val and test near the ratios, counted
    in tiles. A tile goes where the square of its centre goes. Where tiles of two splits share ground, those of val
    give way to test, and those of train to both: they are left out. The same tiles, ratios and seed give the same
    division on every platform, in any order of the tiles.

    Args:
        grounds: of the tiles in metres of one reference system: lowest x and y and highest x and y, float (N, 4), or
            shapely polygons, (N,).
        block: side of the squares in metres.
        ratios: shares of train, val and test.
        seed: of the division.
        seam: width in metres that neighbours may share.

    Raises:
        SplitError: a ratio or the block is wrong, there are fewer blocks than splits, or no tile is left in a split.
        ValueError: a tile has no ground.
    """
    if not 0 < block < math.inf:
        raise SplitError(f'a block of {block:g} m is not possible; give its side in metres, such as --block 500')
    boxes = shapely.bounds(grounds) if grounds.ndim == 1 else grounds
    if not (np.isfinite(boxes).all() and (boxes[:, :2] < boxes[:, 2:]).all()):
        raise ValueError('each tile needs finite coordinates: lowest x and y, then highest x and y')
    polygons = grounds if grounds.ndim == 1 else shapely.box(*grounds.T)
    # To a millimetre first: centres on the edge of a block must not go by the last digit.
    centres = np.round((boxes[:, :2] + boxes[:, 2:]) / 2, 3)
    names = [f'{column:.0f}_{row:.0f}' for column, row in np.floor(centres / block)]
    asked = sum(ratio > 0 for ratio in ratios)
    if len(set(names)) < asked:
        raise SplitError(
            f'{counted(len(set(names)), "block")} of {block:g} m cannot fill {asked} splits; give smaller '
            'blocks, or a ratio of 0 to val or test'
        )
    dealt = deal_scenes(Counter(names), ratios=ratios, seed=seed)
    split_of = {name: split for split, blocks in dealt.items() for name in blocks}
    splits = _yield_ground(polygons, np.array([split_of[name] for name in names], object), seam)
    for split in dealt:
        if split not in splits:
            raise SplitError(
                f'blocks of {block:g} m leave no tile in {split}: all of them share ground with tiles of other splits; '
                'give larger blocks, or cut the tiles with less overlap'
            )
    shared = ground_in_two(polygons, splits, seam=seam)
    if shared:  # cannot be, and figures on such a division would be wrong without a sign
        raise SplitError(f'{shared} pairs of tiles in two splits share ground: please report the command')
    return list(splits)


def _yield_ground(grounds: NDArray[Any], splits: NDArray[Any], seam: float) -> NDArray[Any]:
    """Leave out tiles that share ground with one of a later split."""
    first, second = _overlapping(grounds, seam)
    for index in reversed(range(len(SPLITS) - 1)):  # val first: train need not give way to what val leaves out
        later = np.isin(splits, SPLITS[index + 1 :])
        splits[first[(splits[first] == SPLITS[index]) & later[second]]] = None
    return splits


def _overlapping(grounds: NDArray[Any], seam: float) -> NDArray[np.intp]:
    """Return the pairs of grounds that share more than a seam, both ways round, (2, pairs)."""
    inner = shapely.buffer(grounds, -seam / 2, join_style='mitre')
    pairs: NDArray[np.intp] = shapely.STRtree(inner).query(inner, predicate='intersects')
    return pairs[:, pairs[0] != pairs[1]]


def ground_in_two(grounds: NDArray[Any], splits: Sequence[str | None] | NDArray[Any], *, seam: float = SEAM) -> int:
    """Return the number of pairs of tiles that share ground and are in two splits.

    Args:
        grounds: shapely polygons of the tiles, (N,), in metres of one reference system.
        splits: of each tile; None for one that is in none.
        seam: width in metres that neighbours may share.
    """
    named = np.array([split or '' for split in splits])
    first, second = _overlapping(grounds, seam)
    return int(((named[first] < named[second]) & (named[first] != '')).sum())


def seen_ground(grounds: NDArray[Any], seen: NDArray[Any], *, seam: float = SEAM) -> tuple[float, NDArray[np.intp]]:
    """Return the share of the ground of some tiles that others show too, 0..1, and the indices of those tiles.

    Args:
        grounds: shapely polygons of tiles, of a test set as a rule, in metres of one reference system.
        seen: those of others, of the training set as a rule.
        seam: width in metres that neighbours may share.
    """
    inner = shapely.buffer(seen, -seam, join_style='mitre')
    mine, others = shapely.STRtree(inner).query(grounds, predicate='intersects')
    if not len(mine):
        return 0.0, mine
    shared = shapely.union_all(shapely.intersection(grounds[mine], seen[others]))
    return float(shapely.area(shared) / shapely.area(shapely.union_all(grounds))), np.unique(mine)
