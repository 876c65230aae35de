"""TileDataset: everything that dataset.json says of tiles, and nothing else."""

import json
import re

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image
from tests_support import tile_description, write_tile_root
from tool_support import REPO

from mmseg_aux_hrnet.datasets import TileDataset
from mmseg_aux_hrnet.datasets.description import NAME, read_description
from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
VALUES = {0: None, 1: 0, 2: 1, 5: 2}


def tiles(root, **settings):
    return DATASETS.build(
        dict(type='TileDataset', data_root=str(root), pipeline=LOAD, **{'split': 'train', **settings})
    )


@pytest.mark.parametrize('layout', ['singlegreen', 'urbanisation'])
@pytest.mark.parametrize('classes', [2, 12])
def test_the_description_says_classes_and_layout(tmp_path, layout, classes):
    root = write_tile_root(tmp_path, classes, layout=layout)
    dataset, described = tiles(root), tile_description(classes).classes
    assert (len(dataset), len(tiles(root, split='val')), len(tiles(root, split='test', test_mode=True))) == (4, 2, 2)
    meta = dataset.metainfo
    assert meta['classes'] == described.names
    assert meta['palette'] == [list(colour) for colour in described.palette]
    assert meta['class_of_interest'] == ('green' if classes == 2 else None)
    assert (meta['gsd'], meta['bands'], meta['mean']) == (0.5, ['red', 'green', 'blue'], [110.0, 100.5, 90.25])
    assert np.unique(dataset[0]['gt_seg_map']).tolist() == list(range(classes))
    assert 'label_values' not in meta


@pytest.mark.parametrize('layout', ['singlegreen', 'urbanisation'])
def test_label_values_of_the_description_hold_and_are_told(tmp_path, layout):
    dataset = tiles(write_tile_root(tmp_path, 3, layout=layout, label_values=VALUES))
    label = dataset[0]['gt_seg_map']
    assert label[0].tolist() == (np.arange(96) * 3 // 96).tolist()
    assert (label[56:] == 255).all()
    assert dataset.metainfo['label_values'] == {0: 'ignore', 1: 0, 2: 1, 5: 2}


def test_a_value_that_the_description_lacks_is_an_error_with_its_position(tmp_path):
    root = write_tile_root(tmp_path, 3, label_values=VALUES)
    path = root / 'labeldata/train/train_2.png'
    label = np.array(Image.open(path))
    label[7, 9] = 4
    Image.fromarray(label).save(path)
    with pytest.raises(LabelError, match=r'train_2.png: value 4 at \(row, column\) \(7, 9\).*allowed are 0, 1, 2, 5'):
        [tiles(root)[index] for index in range(4)]


def test_labels_of_another_format_say_their_classes_themselves(tmp_path):
    root = write_tile_root(tmp_path, 3, label_values=VALUES)
    with pytest.raises(ConfigError, match="label_values is for label_format='index', not 'palette'"):
        tiles(root, label_format='palette')


def test_test_images_may_have_no_labels(tmp_path):
    root = write_tile_root(tmp_path, 2)
    (root / 'labeldata/test').rename(tmp_path / 'elsewhere')
    assert not tiles(root, split='test').has_labels and tiles(root).has_labels
    (root / 'labeldata/val').rename(tmp_path / 'away')
    with pytest.raises(DataError, match='is not a folder'):
        tiles(root, split='val')


def test_a_list_and_folders_of_the_config_count(tmp_path):
    root = write_tile_root(tmp_path, 2)
    (root / 'few.txt').write_text('val_1\n')
    prefix = dict(img_path='rawdata/val', seg_map_path='labeldata/val')
    dataset = tiles(root, split=None, ann_file='few.txt', data_prefix=prefix)
    assert [dataset[i]['img_path'][-9:] for i in range(len(dataset))] == ['val_1.png']


def test_without_its_files_it_is_what_the_config_was_filled_with(tmp_path):
    filled = tiles(write_tile_root(tmp_path, 3, label_values=VALUES)).metainfo
    dataset = TileDataset(split='train', metainfo=filled, lazy_init=True)
    assert dataset.metainfo == filled


def test_descriptions_in_the_readme_are_read(tmp_path):
    text = (REPO / 'configs/tiles/README.md').read_text(encoding='utf-8')
    green, loveda, openearthmap = (json.loads(block) for block in re.findall(r'```json\n(.+?)```', text, re.DOTALL))
    found = []
    for said in (green, loveda, {**loveda, **openearthmap}):
        (tmp_path / NAME).write_text(json.dumps(said))
        found.append(read_description(tmp_path))
    assert [len(one.classes.names) for one in found] == [2, 7, 8]
    rules = [label_rule('index', one.classes.palette, label_values=one.label_values) for one in found]
    assert [[*rule.class_of] for rule in rules] == [[0, 1, 255], [*range(8)], [*range(9)]]


@pytest.mark.parametrize(
    ('settings', 'error', 'message'),
    [
        (dict(split='dev'), ConfigError, "split='dev': give train, val, test, or ann_file"),
        (
            dict(metainfo=dict(classes=('background', 'roof'))),
            ConfigError,
            'background, green, but .* background, roof',
        ),
        (dict(label_values={0: 7}), ConfigError, r'a class 0\.\.1'),
        (dict(data_root='nowhere'), DataError, 'data root nowhere is not a folder'),
    ],
)
def test_what_contradicts_the_description_is_refused(tmp_path, settings, error, message):
    root = write_tile_root(tmp_path, 2)
    with pytest.raises(error, match=message):
        DATASETS.build({'type': 'TileDataset', 'data_root': str(root), 'split': 'train', **settings})


@pytest.mark.parametrize(
    ('entries', 'message'),
    [
        (None, r'dataset\.json cannot be read .*make_tiles'),
        ({'bands': ['red', 'green']}, '"mean" is .*: 2 numbers are needed'),
        ({'dtype': 'uint16'}, '"scale" is null and "dtype" uint16'),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, entries, message):
    root = write_tile_root(tmp_path, 2)
    said = json.loads((root / NAME).read_text())
    (root / NAME).unlink()
    if entries is not None:
        (root / NAME).write_text(json.dumps({**said, **entries}))
    with pytest.raises(DataError, match=message):
        tiles(root)
