import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.datasets import SingleGreenDataset
from mmseg_aux_hrnet.datasets.listed_dataset import DONOR_KEY
from mmseg_aux_hrnet.datasets.transforms import copy_paste
from mmseg_aux_hrnet.datasets.transforms.copy_paste import CopyPaste, components
from mmseg_aux_hrnet.engine.samplers.seeded_fetch import Draw, SeededFetch
from mmseg_aux_hrnet.errors import ConfigError, DataError

pytestmark = pytest.mark.stack
CROP = dict(type='RandomScaledCrop', ratio_range=(1.0, 1.0), crop_size=(16, 16))
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def labelled(value, size=(8, 10), **places):
    image, label = np.full((*size, 3), value, np.uint8), np.zeros(size, np.uint8)
    for rows, columns in places.get('pieces', []):
        label[rows, columns] = 1
    return {'img': image, 'gt_seg_map': label, 'seg_fields': ['gt_seg_map']}


def pasting(**settings):
    # The donor of these tests is a window already.
    return CopyPaste(**{'transforms': [dict(type='RandomFlip', prob=0.0)], 'prob': 1.0, **settings})


def test_components_are_joined_by_corners_and_large_ones_left_out():
    mask = np.zeros((6, 6), bool)
    mask[0, 0] = mask[1, 1] = True
    mask[4:, 3:] = True
    small, large = components(mask, largest=1.0)
    assert (small.sum(), large.sum()) == (2, 6)
    assert [piece.sum() for piece in components(mask, largest=5 / 36)] == [2]


def test_pixels_and_labels_of_the_pieces_are_pasted_where_they_lie_and_nothing_else():
    donor = labelled(200, pieces=[(slice(1, 3), slice(2, 4)), (slice(5, 8), slice(7, 10))])
    sample = labelled(50, pieces=[(0, 0)])
    former = sample['img']
    np.random.seed(0)
    got = pasting(most=1)({**sample, DONOR_KEY: donor})
    changed = (got['img'] != 50).all(axis=-1)
    assert got['pasted'] == 1
    assert changed.sum() in (4, 9)
    assert np.array_equal(changed | (sample['gt_seg_map'] == 1), got['gt_seg_map'] == 1)
    assert (got['img'][changed] == 200).all()
    assert (former == 50).all()  # tiles of a cache are shared


def test_a_donor_of_another_size_is_cut():
    donor = labelled(200, size=(20, 20), pieces=[(slice(6, 12), slice(8, 14))])
    got = pasting()({**labelled(50), DONOR_KEY: donor})
    assert got['gt_seg_map'].shape == (8, 10)
    assert got['gt_seg_map'].sum() == 4


def root_with_pieces(folder, count=6):
    for kind in ('rawdata', 'labeldata', 'splits'):
        (folder / kind).mkdir()
    for number in range(count):
        label = np.zeros((24, 24), np.uint8)
        label[number : number + 4, 10:14] = 1
        Image.fromarray(label).save(folder / f'labeldata/{number}.png')
        Image.fromarray(np.full((24, 24, 3), 40 * number, np.uint8)).save(folder / f'rawdata/{number}.png')
    (folder / 'splits/train.txt').write_text('\n'.join(map(str, range(count))))
    return folder


def data_set(folder, **settings):
    donor = [*LOAD, CROP]
    return SingleGreenDataset(
        data_root=str(folder),
        ann_file='splits/train.txt',
        label_format='index',
        data_prefix=dict(img_path='rawdata', seg_map_path='labeldata'),
        pipeline=[*LOAD, CROP, dict(type='CopyPaste', transforms=donor, prob=1.0, **settings)],
    )


def test_a_data_set_gives_pieces_of_other_tiles_the_same_for_a_seed_and_place(tmp_path):
    dataset = data_set(root_with_pieces(tmp_path))
    fetch = SeededFetch(dataset)
    draws = [Draw(index % 6, seed=3, position=index) for index in range(24)]
    once, again = fetch(draws), fetch(draws[::-1])[::-1]
    for first, second in zip(once, again, strict=True):
        assert np.array_equal(first['img'], second['img'])
        assert np.array_equal(first['gt_seg_map'], second['gt_seg_map'])
    assert any(len(np.unique(sample['img'])) > 1 for sample in once)  # pixels of two tiles in one


def test_a_class_that_the_data_do_not_hold_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(copy_paste, 'DRY_DRAWS', 5)
    dataset = data_set(root_with_pieces(tmp_path), class_index=7)
    for index in range(4):
        assert dataset[index]['pasted'] == 0
    with pytest.raises(DataError, match='5 windows in a row hold no piece of class 7'):
        dataset[4]


def test_other_data_sets_are_refused():
    with pytest.raises(DataError, match='only data sets derived from ListedDataset'):
        pasting()(labelled(50))


@pytest.mark.parametrize('wrong', [{'prob': 1.5}, {'largest': 0}, {'most': 0}, {'class_index': -1}])
def test_numbers_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        pasting(**wrong)
