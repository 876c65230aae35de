"""Tiles divided by the ground that they show."""

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_aux_hrnet.datasets.ground_split import divide_ground, ground_in_two, seen_ground
from mmseg_aux_hrnet.errors import SplitError

RATIOS = (0.7, 0.15, 0.15)


def grid(count, *, side, step, x=500_000.0, y=5_800_000.0):
    """Boxes of tiles in a square of ``count`` by ``count``."""
    low = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).reshape(-1, 2) * float(step) + (x, y)
    return np.hstack([low, low + side])


def area_in_two(boxes, splits):
    """Square metres in two splits, by unions: another way than the one that is tested."""
    whole = [
        shapely.union_all(shapely.box(*boxes[[split == name for split in splits]].T))
        for name in ('train', 'val', 'test')
    ]
    return sum(whole[a].intersection(whole[b]).area for a, b in ((0, 1), (0, 2), (1, 2)))


def test_tiles_side_by_side_are_all_kept_and_a_block_is_in_one_split():
    boxes = grid(20, side=100, step=100)
    splits = divide_ground(boxes, block=500, ratios=RATIOS, seed=0)
    assert None not in splits
    blocks = {}
    for box, split in zip(boxes, splits, strict=True):
        blocks.setdefault((box[0] // 500, box[1] // 500), set()).add(split)
    assert len(blocks) == 16
    assert all(len(found) == 1 for found in blocks.values())
    # 16 blocks of 25 tiles: 11.2, 2.4 and 2.4 of them are asked for
    assert {name: splits.count(name) for name in ('train', 'val', 'test')} == {'train': 275, 'val': 75, 'test': 50}


def test_tiles_that_overlap_leave_a_gap_of_training_tiles():
    boxes = grid(20, side=100, step=50)
    splits = divide_ground(boxes, block=250, ratios=RATIOS, seed=0)
    assert 0 < splits.count(None) < len(boxes) / 3
    assert area_in_two(boxes, splits) == 0
    # What is left out shares ground with a tile of val or test.
    kept = shapely.union_all(shapely.box(*boxes[[split in ('val', 'test') for split in splits]].T))
    left_out = shapely.box(*boxes[[split is None for split in splits]].T)
    assert (shapely.area(shapely.intersection(left_out, kept)) > 0).all()


def test_the_order_of_the_tiles_does_not_count_and_the_seed_does():
    boxes = grid(12, side=64, step=48)
    order = np.random.default_rng(0).permutation(len(boxes))
    splits = divide_ground(boxes, block=200, ratios=RATIOS, seed=3)
    assert divide_ground(boxes[order], block=200, ratios=RATIOS, seed=3) == [splits[index] for index in order]
    assert divide_ground(boxes, block=200, ratios=RATIOS, seed=4) != splits


def test_turned_tiles_and_a_seam_of_your_own():
    boxes = grid(10, side=100, step=100)
    turned = shapely.affinity.rotate(shapely.MultiPolygon(shapely.box(*boxes.T).tolist()), 30).geoms
    turned = np.array(list(turned))
    assert None not in divide_ground(turned, block=300, ratios=RATIOS, seed=0, seam=0.01)
    wider = shapely.buffer(turned, 0.2, join_style='mitre')
    assert None in divide_ground(wider, block=300, ratios=RATIOS, seed=0)
    assert None not in divide_ground(wider, block=300, ratios=RATIOS, seed=0, seam=0.5)


def test_corners_that_were_computed_apart_are_no_common_ground():
    boxes = grid(10, side=100 + 2e-4, step=100)
    assert None not in divide_ground(boxes, block=300, ratios=RATIOS, seed=0)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 400)] * 2, *[st.integers(1, 60)] * 2), min_size=8, max_size=60),
    st.integers(20, 300),
    st.integers(0, 5),
)
def test_no_ground_is_in_two_splits_whatever_the_tiles(corners, block, seed):
    corners = np.array(corners, float)
    boxes = np.hstack([corners[:, :2], corners[:, :2] + corners[:, 2:]])
    try:
        splits = divide_ground(boxes, block=block, ratios=RATIOS, seed=seed)
    except SplitError:  # too few blocks, or tiles that overlap too much
        return
    assert area_in_two(boxes, splits) == 0


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'block': 0}, 'block of 0 m is not possible'),
        ({'block': float('nan')}, 'block of nan m'),
        ({'block': 10_000}, '1 block of 10000 m cannot fill 3 splits; give smaller'),
        ({'ratios': (0, 1, 1)}, 'ratio 0 1 1 is not allowed'),
    ],
)
def test_what_cannot_be_divided_is_refused(settings, message):
    with pytest.raises(SplitError, match=message):
        divide_ground(grid(4, side=100, step=100, x=0, y=0), **{'block': 100, 'ratios': RATIOS, 'seed': 0, **settings})


def test_a_split_that_would_be_empty_is_refused():
    with pytest.raises(SplitError, match='blocks of 10 m leave no tile in train'):
        divide_ground(grid(6, side=1000, step=10), block=10, ratios=RATIOS, seed=0)


def test_a_box_without_ground_is_an_error():
    with pytest.raises(ValueError, match='finite'):
        divide_ground(np.array([[0, 0, 0, 1.0]]), block=1, ratios=RATIOS, seed=0)


def test_the_share_of_ground_that_was_seen():
    test = shapely.box(*grid(2, side=100, step=100, x=0, y=0).T)  # 200 x 200 m
    train = shapely.box([150, 150, 900], [0, 0, 900], [250, 250, 950], [100, 200, 950])  # of the first, 50 x 200 m
    share, tiles = seen_ground(test, train)
    assert (share, tiles.tolist()) == (pytest.approx(0.25), [1, 3])
    assert seen_ground(np.repeat(test, 3), np.repeat(train, 2))[0] == pytest.approx(0.25)
    assert seen_ground(test, train[2:])[0] == seen_ground(test[:0], train)[0] == seen_ground(test, train[:0])[0] == 0
    assert seen_ground(test, shapely.box([200], [0], [300], [200]))[0] == 0  # side by side
    assert seen_ground(test, shapely.box([199.9], [0], [300], [200]), seam=0.5)[0] == 0


def test_pairs_in_two_splits_are_counted_once():
    grounds = shapely.box(np.array([0, 5, 8, 100]), 0, np.array([10, 15, 18, 110]), 10)
    assert ground_in_two(grounds, ['train', 'train', 'test', 'val']) == 2
    assert ground_in_two(grounds, ['train', 'train', None, 'val']) == 0
