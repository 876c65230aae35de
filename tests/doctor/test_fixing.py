import os
import shutil

import numpy as np
import pytest
from doctor_support import PALETTE, examined, found, image_of, label_of, mask, scene, state, write_root
from PIL import Image
from tests_support import tile_description, write_tile_root

from mmseg_aux_hrnet.datasets.description import read_description
from mmseg_aux_hrnet.doctor.checkup import check
from mmseg_aux_hrnet.doctor.fixing import LEFT_OUT, check_out, write_copy
from mmseg_aux_hrnet.doctor.sources import find_sources
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.label_png import write_label_png


def nothing(done, total):
    pass


@pytest.fixture
def spoilt(tmp_path):
    """A data set with one of each fault that a copy can do without."""
    root = write_root(tmp_path / 'data', {'train': 9, 'val': 2, 'test': 2})
    image_of(root, 'train_0').write_bytes(b'no image')
    label_of(root, 'train_1').unlink()
    image_of(root, 'train_2').unlink()
    write_label_png(label_of(root, 'train_3'), mask(0, (20, 30)), PALETTE)
    shutil.copy(image_of(root, 'train_4'), image_of(root, 'val_0'))
    Image.fromarray(mask(5) * 9).save(label_of(root, 'train_5'))
    Image.fromarray(scene(90)).save(root / 'rawdata/train/train_6.bmp')  # a second file of that stem
    return root


def test_a_copy_is_clean_and_the_input_untouched(tmp_path, spoilt):
    before = state(spoilt)
    line = write_copy(tmp_path / 'clean', examined(spoilt), on_tile=nothing)
    assert state(spoilt) == before
    assert '6 images; 7 left out' in line
    assert examined(tmp_path / 'clean').findings == []
    assert (tmp_path / 'clean/splits/train.txt').read_text() == 'train_7\ntrain_8\n'
    reasons = dict(row.split('\t') for row in (tmp_path / 'clean' / LEFT_OUT).read_text().splitlines())
    assert 'damaged' in reasons['rawdata/train/train_0.png']
    assert reasons['rawdata/train/train_4.png'] == 'the same image is in val: rawdata/val/val_0.png'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['clean', 'data']


def test_an_image_stays_where_its_copy_in_a_later_split_is_left_out(tmp_path):
    root = write_root(tmp_path / 'data')
    shutil.copy(image_of(root, 'train_1'), image_of(root, 'val_0'))
    label_of(root, 'val_0').unlink()
    write_copy(tmp_path / 'clean', examined(root), on_tile=nothing)
    assert 'train_1' in (tmp_path / 'clean/splits/train.txt').read_text()
    assert (tmp_path / 'clean' / LEFT_OUT).read_text() == 'rawdata/val/val_0.png\tits label is missing\n'


def test_a_faulty_list_is_named_among_what_is_left_out(tmp_path):
    root = write_root(tmp_path / 'data')
    (root / 'splits/val.txt').write_text('../val_0\nval_1\n')
    write_copy(tmp_path / 'clean', examined(root), on_tile=nothing)
    assert (tmp_path / 'clean/splits/val.txt').read_text() == 'val_1\n'
    assert 'line 1' in (tmp_path / 'clean' / LEFT_OUT).read_text().splitlines()[0]
    assert examined(tmp_path / 'clean').findings == []


def test_images_are_copied_byte_by_byte_and_labels_become_indices(tmp_path):
    root = write_root(tmp_path / 'data')
    for split, count in (('train', 4), ('val', 2), ('test', 2)):
        for index in range(count):
            Image.fromarray(mask(index) * 255).save(label_of(root, f'{split}_{index}'))
    line = write_copy(tmp_path / 'clean', examined(root, label_formats=('binary',)), on_tile=nothing)
    assert line.endswith("its labels need label_format='palette'")
    assert image_of(tmp_path / 'clean', 'val_1').read_bytes() == image_of(root, 'val_1').read_bytes()
    label = Image.open(label_of(tmp_path / 'clean', 'train_3'))
    assert label.mode == 'P' and np.array_equal(np.asarray(label), mask(3))
    assert label.getpalette()[:6] == [0, 0, 0, 128, 0, 0]


def test_labels_of_several_forms_become_one(tmp_path):
    root = write_root(tmp_path / 'data')
    Image.fromarray(mask(0) * 255).save(label_of(root, 'train_0'))
    write_copy(tmp_path / 'clean', examined(root, label_formats=('palette', 'binary')), on_tile=nothing)
    assert examined(tmp_path / 'clean').findings == []
    assert np.array_equal(np.asarray(Image.open(label_of(tmp_path / 'clean', 'train_0'))), mask(0))


def urban_root(root):
    """An urbanisation data set whose labels are TIFF files, with image-only test data."""
    for folder in ('x/train', 'y/train', 'x/test', 'list'):
        (root / folder).mkdir(parents=True)
    for index in range(3):
        Image.fromarray(scene(index)).save(root / f'x/train/my {index}.jpg')
        Image.fromarray(mask(index)).save(root / f'y/train/my {index}.tif')
        Image.fromarray(scene(10 + index)).save(root / f'x/test/{index}.jpg')
    lines = [f'x/train/my {index}.jpg\ty/train/my {index}.tif\n' for index in range(3)]
    (root / 'list/train.lst').write_text(''.join(lines))
    (root / 'list/test.lst').write_text(''.join(f'x/test/{index}.jpg\n' for index in range(3)))
    return root


def test_lists_of_pairs_name_the_new_labels(tmp_path):
    root = urban_root(tmp_path / 'data')
    write_copy(tmp_path / 'clean', examined(root, kind='urbanisation'), on_tile=nothing)
    lines = (tmp_path / 'clean/list/train.lst').read_text().splitlines()
    assert lines[1] == 'x/train/my 1.jpg\ty/train/my 1.png'
    again = examined(tmp_path / 'clean', kind='urbanisation')
    assert found(again) == {('note', 'no-labels', 'test')}
    assert again.summaries[0].pixels == examined(root, kind='urbanisation').summaries[0].pixels


def test_a_tree_without_lists_gets_them(tmp_path):
    root = write_root(tmp_path / 'data')
    shutil.rmtree(root / 'splits')
    checkup = examined(root)
    assert {key for _, key, _ in found(checkup)} == {'no-list'}
    write_copy(tmp_path / 'clean', checkup, on_tile=nothing)
    assert examined(tmp_path / 'clean').findings == []


def test_a_folder_that_is_not_divided_is_examined_and_copied(tmp_path):
    root = tmp_path / 'data'
    for folder in ('rawdata', 'labeldata'):
        (root / folder).mkdir(parents=True)
    for index in range(3):
        Image.fromarray(scene(index)).save(root / f'rawdata/{index}.png')
        write_label_png(root / f'labeldata/{index}.png', mask(index), PALETTE)
    checkup = examined(root)
    assert [(summary.split, summary.images) for summary in checkup.summaries] == [('all', 3)]
    write_copy(tmp_path / 'clean', checkup, on_tile=nothing)
    assert len(list((tmp_path / 'clean/labeldata').iterdir())) == 3


def test_masks_of_0_and_255_are_not_copied_as_ignored(tmp_path):
    root = urban_root(tmp_path / 'data')
    for path in (root / 'y/train').iterdir():
        Image.fromarray(mask(0) * 255).save(path)
    with pytest.raises(ConfigError, match='0 and 255.*--label-format binary'):
        write_copy(tmp_path / 'clean', examined(root, kind='urbanisation'), on_tile=nothing)
    assert not (tmp_path / 'clean').exists()


@pytest.mark.parametrize(
    ('out', 'message'),
    [('data', 'exists'), ('data/clean', 'inside the data root'), ('taken', 'exists')],
)
def test_places_that_will_not_do(tmp_path, out, message):
    root = write_root(tmp_path / 'data')
    (tmp_path / 'taken').touch()
    with pytest.raises(ConfigError, match=message):
        check_out(tmp_path / out, find_sources(str(root), kind='singlegreen'))


def test_a_copy_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    root = write_root(tmp_path / 'data')
    checkup = examined(root)
    image_of(root, 'test_1').unlink()  # gone since it was examined
    with pytest.raises(DataError, match=r'cannot be written.*test_1\.png'):
        write_copy(tmp_path / 'clean', checkup, on_tile=nothing)
    assert os.listdir(tmp_path) == ['data']


def test_a_copy_whose_folder_cannot_be_written_is_refused_in_one_line(tmp_path):
    root = write_root(tmp_path / 'data', {'train': 1})
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match='cannot be written: .*choose another folder'):
        write_copy(tmp_path / 'file' / 'clean', examined(root), on_tile=nothing)


def test_a_data_set_of_nothing_but_faults_has_no_copy(tmp_path):
    root = write_root(tmp_path / 'data', {'train': 1})
    image_of(root, 'train_0').write_bytes(b'')
    with pytest.raises(DataError, match='no image is left'):
        write_copy(tmp_path / 'clean', examined(root), on_tile=nothing)


def test_labels_of_other_values_become_classes(tmp_path):
    root = write_tile_root(tmp_path / 'data', 3, label_values={0: None, 1: 0, 2: 1, 5: 2}, record={'pixels': 9})
    checkup = check(find_sources(str(root), kind=None), workers=2, on_tile=nothing)
    assert not checkup.faults and checkup.summaries[0].ignored == 4 * 8 * 96
    line = write_copy(tmp_path / 'clean', checkup, on_tile=nothing)
    assert line == f'clean copy: {tmp_path / "clean"}, 8 images; 0 left out'
    assert read_description(tmp_path / 'clean') == tile_description(3)
    again = check(find_sources(str(tmp_path / 'clean'), kind=None), workers=2, on_tile=nothing)
    assert [summary.pixels for summary in again.summaries] == [summary.pixels for summary in checkup.summaries]


def test_values_said_on_the_command_line_are_classes_in_the_copy(tmp_path):
    root = write_root(tmp_path / 'data')
    for stem in ('train_0', 'train_1', 'train_2', 'train_3', 'val_0', 'val_1', 'test_0', 'test_1'):
        Image.fromarray(mask(int(stem[-1])) + 1).save(label_of(root, stem))
    sources = find_sources(str(root), kind='singlegreen', label_values={0: 'ignore', 1: 0, 2: 1})
    checkup = check(sources, workers=2, on_tile=nothing)
    assert not checkup.faults
    line = write_copy(tmp_path / 'clean', checkup, on_tile=nothing)
    assert line.endswith('the values of its labels are the classes: leave label_values out')
    assert not examined(tmp_path / 'clean').faults
