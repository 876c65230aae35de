"""Folders of maps: pairs by name, and what is wrong with them."""

import numpy as np
import pytest
from PIL import Image
from tests_support import GREEN_PALETTE

from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.errors import DataError, LabelError, SplitError
from mmseg_aux_hrnet.evaluation.confusion import confusion_counts
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.run.map_folders import Comparison, compare_pairs, pair_folders, refuse_masks

INDEX = label_rule('index', GREEN_PALETTE)
PALETTE = label_rule('palette', GREEN_PALETTE)
BINARY = label_rule('binary', GREEN_PALETTE)


def save(path, rows, *, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.array(rows, np.uint8)
    if palette:
        write_label_png(path, values, GREEN_PALETTE)
    else:
        Image.fromarray(values).save(path)


@pytest.fixture
def folders(tmp_path):
    """Predictions and labels of two images, one in a sub-folder, of different suffixes."""
    predictions, labels = tmp_path / 'p', tmp_path / 'l'
    save(predictions / 'a.png', [[0, 1], [1, 1]])
    save(labels / 'a.tif', [[0, 1], [0, 255]])
    save(predictions / 'sub' / 'b.PNG', [[1, 1, 0]])
    save(labels / 'sub' / 'b.png', [[1, 0, 0]], palette=True)
    return predictions, labels


def test_pairs_are_found_by_name_and_counted_in_order(folders):
    pairs = pair_folders(*folders)
    assert [prediction.name for prediction, _ in pairs] == ['a.png', 'b.PNG']
    first, second = compare_pairs(pairs, Comparison(INDEX, INDEX, 2.0))
    assert first.counts.tolist() == [[1, 1], [0, 1]]
    assert second.counts.tolist() == [[1, 1], [0, 1]]
    assert (first.image, first.label) == (str(folders[0] / 'a.png'), str(folders[1] / 'a.tif'))
    assert first.boundary.shape == (2, 6)


def test_each_folder_has_its_own_form(tmp_path):
    rng = np.random.default_rng(0)
    prediction, label = rng.integers(0, 2, (2, 9, 7), dtype=np.uint8)
    save(tmp_path / 'p' / 'a.png', 255 * prediction)
    save(tmp_path / 'l' / 'a.png', label, palette=True)
    pairs = pair_folders(tmp_path / 'p', tmp_path / 'l')
    comparison = Comparison(BINARY, PALETTE, 2.0)
    refuse_masks(pairs, comparison)
    (result,) = compare_pairs(pairs, comparison)
    assert result.counts.tolist() == confusion_counts(prediction, label, num_classes=2).tolist()


def test_a_prediction_without_label(folders):
    save(folders[0] / 'c.png', [[0]])
    with pytest.raises(DataError, match=r'l has no map for c of .*p: both folders must hold the same images'):
        pair_folders(*folders)


def test_labels_without_predictions(folders):
    for name in 'cdefg':
        save(folders[1] / f'{name}.png', [[0]])
    with pytest.raises(DataError, match=r'p has no map for c, d, e and 2 more of .*l: both'):
        pair_folders(*folders)


def test_two_files_of_one_name(folders):
    save(folders[0] / 'a.bmp', [[0, 1], [1, 1]])
    with pytest.raises(DataError, match=r'p holds a.bmp and a.png: keep one file for each image'):
        pair_folders(*folders)


@pytest.mark.parametrize('place', [0, 1])
def test_a_folder_without_maps(folders, tmp_path, place):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'empty' / 'notes.txt').touch()
    given = list(folders)
    given[place] = tmp_path / 'empty'
    with pytest.raises(DataError, match=r'empty holds no maps: png, tif, tiff, bmp files'):
        pair_folders(*given)


def test_a_folder_that_is_not_there(folders):
    with pytest.raises(SplitError, match=r'folder "nowhere" cannot be read'):
        pair_folders('nowhere', folders[1])


def test_a_folder_against_itself(folders):
    with pytest.raises(DataError, match=r'l/../l is given as predictions and as labels'):
        pair_folders(f'{folders[1]}/../l', folders[1])


def test_maps_of_different_sizes(folders):
    save(folders[0] / 'a.png', [[0, 1]])
    with pytest.raises(DataError, match=r'p.a.png is 1 x 2 pixels \(height x width\), but .*a.tif 2 x 2: save'):
        compare_pairs(pair_folders(*folders), Comparison(INDEX, INDEX, 2.0))


@pytest.mark.parametrize(
    ('place', 'name', 'value'), [(0, 'a.png', 2), (1, 'a.tif', 7), (0, 'a.png', 128), (0, 'a.png', 255)]
)
def test_a_value_that_is_no_class(folders, place, name, value):
    save(folders[place] / name, [[value, 1], [0, 0]])
    with pytest.raises(LabelError, match=rf'{name}: .*value {value} .*\(0, 0\)'):
        compare_pairs(pair_folders(*folders), Comparison(INDEX, INDEX, 2.0))


def test_an_ignored_pixel_may_be_predicted_as_ignored(folders):
    save(folders[0] / 'a.png', [[0, 1], [1, 255]])
    first = compare_pairs(pair_folders(*folders), Comparison(INDEX, INDEX, 2.0))[0]
    assert first.counts.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize('place', [0, 1])
def test_masks_that_would_be_read_as_ignored(folders, place):
    for path in folders[place].rglob('*.*'):
        shape = np.asarray(Image.open(path)).shape
        save(path, np.resize([0, 255], shape))
    with pytest.raises(LabelError, match=r"hold only 0 and 255.*label_format='binary'"):
        refuse_masks(pair_folders(*folders), Comparison(INDEX, INDEX, 2.0))


def test_a_damaged_file(folders):
    (folders[0] / 'a.png').write_bytes(b'\x89PNG\r\n\x1a\nrubbish')
    with pytest.raises(LabelError, match=r'a.png'):
        compare_pairs(pair_folders(*folders), Comparison(INDEX, INDEX, 2.0))
