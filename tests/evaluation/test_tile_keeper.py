import numpy as np
import pytest
import torch

from mmseg_aux_hrnet.evaluation import TileKeeper
from mmseg_aux_hrnet.evaluation.tile_keeper import pack_map, shrink_map, unpack_map


def sample(path, label, prediction):
    return {
        'img_path': path,
        'gt_sem_seg': {'data': torch.tensor(label)[None]},
        'pred_sem_seg': {'data': torch.tensor(prediction)[None]},
    }


def test_maps_are_kept_by_the_path_of_the_image():
    keeper = TileKeeper()
    keeper.process(None, [sample('a.png', [[0, 255]], [[1, 1]]), sample('b.png', [[1, 0]], [[1, 0]])])
    assert keeper.evaluate(size=2) == {}
    assert list(keeper.kept) == ['a.png', 'b.png']
    label, prediction = map(unpack_map, keeper.kept['a.png'])
    assert label.tolist() == [[0, 255]]
    assert prediction.tolist() == [[1, 1]]


def test_an_image_without_a_path_is_left_out():
    keeper = TileKeeper()
    keeper.process(None, [sample(None, [[0]], [[0]]), sample('b.png', [[1]], [[0]])])
    keeper.evaluate(size=2)
    assert list(keeper.kept) == ['b.png']


def test_a_second_evaluation_replaces_the_first():
    keeper = TileKeeper()
    for path in ('a.png', 'b.png'):
        keeper.process(None, [sample(path, [[0]], [[0]])])
        keeper.evaluate(size=1)
    assert list(keeper.kept) == ['b.png']


def test_large_maps_take_little_memory():
    classes = np.zeros((2000, 3000), np.int64)
    classes[500:, 700:] = 1
    packed = pack_map(classes)
    assert len(packed) < 5_000
    assert unpack_map(packed).shape == (341, 512)
    assert unpack_map(packed)[[0, 340], [0, 511]].tolist() == [0, 1]


@pytest.mark.parametrize(('side', 'expected'), [(2, [[5, 7], [13, 15]]), (4, np.arange(16).reshape(4, 4).tolist())])
def test_a_cell_keeps_the_class_of_its_centre(side, expected):
    assert shrink_map(np.arange(16, dtype=np.uint8).reshape(4, 4), side).tolist() == expected


@pytest.mark.parametrize('shape', [(1, 9), (9, 1), (1, 1), (7, 5)])
def test_no_side_vanishes(shape):
    shrunk = shrink_map(np.ones(shape, np.uint8), 3)
    assert min(shrunk.shape) >= 1
    assert max(shrunk.shape) <= 3
