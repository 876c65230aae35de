"""A data root: what is written, counted and refused."""

import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.classes import class_set
from mmseg_aux_hrnet.datasets.description import DataDescription, read_description
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.labelling.writing import TileStore, moments_of, shares_table, whole_root

CLASSES = class_set({'classes': ('background', 'green'), 'palette': [[0, 0, 0], [128, 0, 0]]})


def add(store, stem, *, image, label):
    image, label = np.asarray(image, np.uint8), np.asarray(label, np.uint8)
    moments = moments_of(np.moveaxis(image, -1, 0), label != 255)
    return store.add(
        stem, suffix='.png', label=label, moments=moments, write_image=lambda path: Image.fromarray(image).save(path)
    )


def write(root, *, layout='singlegreen', splits=None):
    image, label = np.zeros((2, 2, 3), np.uint8), np.array([[0, 1], [1, 255]])
    image[0] = 10
    with whole_root(root, overwrite=False) as part:
        store = TileStore(part, classes=CLASSES, layout=layout)
        for stem in ('a', 'b', 'c'):
            add(store, stem, image=image, label=label)
        return store.finish(splits or {'a': 'train', 'b': 'val'}, DataDescription(classes=CLASSES, layout=layout))


@pytest.mark.parametrize(
    ('layout', 'image', 'listed', 'line'),
    [
        ('singlegreen', 'rawdata/train/a.png', 'splits/train.txt', 'a\n'),
        ('urbanisation', 'x/train/a.png', 'list/train.lst', 'x/train/a.png y/train/a.png\n'),
    ],
)
def test_tiles_go_to_their_split_and_lists_name_them(tmp_path, layout, image, listed, line):
    described = write(tmp_path / 'root', layout=layout)
    assert (tmp_path / 'root' / image).is_file()
    assert (tmp_path / 'root' / listed).read_text() == line
    assert not list((tmp_path / 'root').rglob('c.png'))
    assert read_description(tmp_path / 'root') == described


def test_pixels_are_counted_and_mean_is_that_of_training_tiles(tmp_path):
    described = write(tmp_path / 'root')
    train = described.record['splits']['train']
    assert train == {'tiles': 1, 'pixels': {'background': 1, 'green': 2}, 'ignored': 1}
    # Of the three valid pixels two are 10 and one is 0.
    assert described.mean == (6.667, 6.667, 6.667)
    assert described.std == (4.714, 4.714, 4.714)
    assert shares_table(described).row_count == 2


def test_moments_leave_out_pixels_without_data():
    values, valid = np.array([[[1, 2], [3, 250]]], np.uint8), np.array([[True, True], [True, False]])
    assert moments_of(values, valid) == (3, (6.0,), (14.0,))


def test_what_is_no_class_or_has_a_name_twice_is_refused(tmp_path):
    store = TileStore(None, classes=CLASSES, layout='singlegreen')
    add(store, 'a', image=np.zeros((2, 2, 3)), label=np.zeros((2, 2)))
    with pytest.raises(DataError, match='two tiles would be called a'):
        add(store, 'a', image=np.zeros((2, 2, 3)), label=np.zeros((2, 2)))
    with pytest.raises(LabelError, match=r'label b with the value 7: the classes are 0\.\.1'):
        add(store, 'b', image=np.zeros((2, 2, 3)), label=np.full((2, 2), 7))


def test_nothing_is_there_after_a_failure_and_other_folders_stay(tmp_path):
    with pytest.raises(DataError, match='no tile with a valid pixel is left for training'):
        write(tmp_path / 'root', splits={'a': 'val'})
    assert not list(tmp_path.iterdir())
    (tmp_path / 'root').mkdir()
    (tmp_path / 'root' / 'diary.txt').write_text('mine')
    for overwrite in (False, True):
        with pytest.raises(ConfigError), whole_root(tmp_path / 'root', overwrite=overwrite):
            pass
    assert (tmp_path / 'root' / 'diary.txt').read_text() == 'mine'


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(DataError, match='cannot be written .No space left on device.: choose a folder'):
        with whole_root(tmp_path / 'root', overwrite=False):
            raise OSError(28, 'No space left on device')
