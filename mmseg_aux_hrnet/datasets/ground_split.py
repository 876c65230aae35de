"""Divides tiles by the ground that they show, and says how much ground two splits share. Needs the extra ``geo``."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.splits import SPLITS, deal_scenes
from mmseg_aux_hrnet.errors import SplitError

ROUNDING = 1e-3  # metres; neighbours whose corners were computed apart share less ground than that


def divide_ground(boxes: NDArray[np.float64], *, block: float, ratios: Sequence[float], seed: int) -> list[str | None]:
    """Return the split of each tile, so that no place on the ground is in two splits; None where a tile is left out.

    Squares of ground, which lie at multiples of their side, are dealt to train, val and test near the ratios, counted
    in tiles. A tile goes where the square of its centre goes. Where tiles of two splits share ground, those of val
    give way to test, and those of train to both: they are left out. The same boxes, ratios and seed give the same
    division on every platform, in any order of the boxes.

    Args:
        boxes: ground of the tiles, lowest x and y and highest x and y, (N, 4), in metres of one reference system.
        block: side of the squares in metres.
        ratios: shares of train, val and test.
        seed: of the division.

    Raises:
        SplitError: a ratio or the block is wrong, there are fewer blocks than splits, or no tile is left in a split.
        ValueError: a box has no ground.
    """
    if not 0 < block < math.inf:
        raise SplitError(f'a block of {block:g} m is not possible; give its side in metres, such as --block 500')
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if not (np.isfinite(boxes).all() and (boxes[:, :2] < boxes[:, 2:]).all()):
        raise ValueError('each box needs finite coordinates: lowest x and y, then highest x and y')
    # To a millimetre first: centres on the edge of a block must not go by the last digit.
    centres = np.round((boxes[:, :2] + boxes[:, 2:]) / 2, 3)
    names = [f'{column:.0f}_{row:.0f}' for column, row in np.floor(centres / block)]
    dealt = deal_scenes(Counter(names), ratios=ratios, seed=seed)
    split_of = {name: split for split, blocks in dealt.items() for name in blocks}
    splits = _yield_ground(boxes, np.array([split_of[name] for name in names], object))
    for split in dealt:
        if split not in splits:
            raise SplitError(
                f'blocks of {block:g} m leave no tile in {split}: all of them share ground with tiles of other splits; '
                'give larger blocks, or cut the tiles with less overlap'
            )
    shared = ground_in_two(shapely.box(*boxes.T), splits)
    if shared:  # cannot be, and figures on such a division would be wrong without a sign
        raise SplitError(f'{shared} pairs of tiles in two splits share ground: please report the command')
    return list(splits)


def _yield_ground(boxes: NDArray[np.float64], splits: NDArray[Any]) -> NDArray[Any]:
    """Leave out tiles that share ground with one of a later split."""
    first, second = _overlapping(shapely.box(*boxes.T))
    for index in reversed(range(len(SPLITS) - 1)):  # val first: what it leaves out is no reason for train
        later = np.isin(splits, SPLITS[index + 1 :])
        splits[first[(splits[first] == SPLITS[index]) & later[second]]] = None
    return splits


def _overlapping(grounds: NDArray[Any]) -> NDArray[np.intp]:
    """Return the pairs of grounds that share more than a seam, both ways round, (2, pairs)."""
    inner = shapely.buffer(grounds, -ROUNDING / 2, join_style='mitre')
    pairs: NDArray[np.intp] = shapely.STRtree(inner).query(inner, predicate='intersects')
    return pairs[:, pairs[0] != pairs[1]]


def ground_in_two(grounds: NDArray[Any], splits: Sequence[str | None] | NDArray[Any]) -> int:
    """Return the number of pairs of tiles that share ground and are in two splits.

    Args:
        grounds: shapely polygons of the tiles, (N,), in metres of one reference system.
        splits: of each tile; None for one that is in none.
    """
    named = np.array([split or '' for split in splits])
    first, second = _overlapping(grounds)
    return int(((named[first] < named[second]) & (named[first] != '')).sum())


def seen_share(grounds: NDArray[Any], seen: NDArray[Any]) -> float:
    """Return the share of the ground of some tiles that others show too, 0..1.

    Args:
        grounds: shapely polygons of tiles, of a test set as a rule, in metres of one reference system.
        seen: those of others, of the training set as a rule.
    """
    if not len(grounds) or not len(seen):
        return 0.0
    inner = shapely.buffer(seen, -ROUNDING / 2, join_style='mitre')
    mine, others = shapely.STRtree(inner).query(grounds, predicate='intersects')
    if not len(mine):
        return 0.0
    shared = shapely.union_all(shapely.intersection(grounds[mine], inner[others]))
    return float(shapely.area(shared) / shapely.area(shapely.union_all(grounds)))
