"""Each kind of fault on a data set with that fault only; a data set without one gives no finding."""

import os
import re
import shutil
import sys

import cv2
import numpy as np
import pytest
from doctor_support import PALETTE, SIZE, examined, found, image_of, label_of, mask, scene, state, write_root
from PIL import Image

from mmseg_aux_hrnet.files.label_png import write_label_png


@pytest.fixture
def root(tmp_path):
    return write_root(tmp_path / 'data')


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def grey_label(root, stem, classes):
    Image.fromarray(classes).save(label_of(root, stem))


def test_a_data_set_without_a_fault_gives_no_finding(root):
    before = state(root)
    checkup = examined(root)
    assert checkup.findings == []
    assert [(summary.split, summary.images, summary.labels) for summary in checkup.summaries] == [
        ('train', 4, 4),
        ('val', 2, 2),
        ('test', 2, 2),
    ]
    assert state(root) == before


def sixteen_bits(root):
    cv2.imwrite(str(image_of(root, 'val_0')), scene(9).astype(np.uint16) * 257)


def four_bands(root):
    image_of(root, 'val_0').unlink()
    Image.fromarray(np.dstack([scene(9), scene(8)[..., 0]])).save(root / 'rawdata/val/val_0.tif')


def list_twice(root):
    (root / 'splits/val.txt').write_text('val_0\nval_1\nval_1\n')


def ambiguous(root):
    Image.fromarray(scene(9)).save(root / 'rawdata/val/val_0.jpg')


SPOILT = {
    'damaged image': (lambda root: cut(image_of(root, 'val_0')), 'image', r'val_0\.png cannot be decoded'),
    'empty image': (lambda root: image_of(root, 'val_0').write_bytes(b''), 'image', r'val_0\.png is damaged'),
    'no image': (lambda root: image_of(root, 'val_0').write_bytes(b'text'), 'image', r'val_0\.png is damaged'),
    'sixteen bits': (sixteen_bits, 'image', r'val_0\.png.*16.*8-bit'),
    'four bands': (four_bands, 'image', r'val_0\.tif has 4 bands'),
    'damaged label': (
        lambda root: cut(label_of(root, 'val_0')),
        'label',
        r'labeldata/val/val_0\.png cannot be decoded',
    ),
    'grey label': (lambda root: grey_label(root, 'val_0', mask(0)), 'label', r'val_0\.png.*mode L'),
    'value 7': (lambda root: grey_label(root, 'val_0', mask(0) * 7), 'label', r'it holds 0, 7'),
    'label of another size': (
        lambda root: write_label_png(label_of(root, 'val_0'), mask(0, (20, 30)), PALETTE),
        'size',
        r'image 64x48, label 30x20',
    ),
    'listed twice': (list_twice, 'list', r'val\.txt" line 3.*line 2'),
    'two files of one stem': (ambiguous, 'ambiguous', r'val_0\.jpg and val_0\.png'),
    'label missing': (lambda root: label_of(root, 'val_0').unlink(), 'label-missing', 'line 1: val_0'),
}


@pytest.mark.parametrize('name', SPOILT)
def test_a_fault_is_found_alone_in_its_split(root, name):
    spoil, key, message = SPOILT[name]
    spoil(root)
    checkup = examined(root)
    faults = [finding for finding in checkup.findings if finding.level == 'fault']
    assert [(fault.key, fault.split) for fault in faults] == [(key, 'val')]
    assert re.search(message, ' '.join([faults[0].what, *faults[0].files]))


def test_a_missing_image_is_a_fault_and_leaves_its_label_alone(root):
    image_of(root, 'train_2').unlink()
    checkup = examined(root)
    assert found(checkup) == {('fault', 'image-missing', 'train'), ('doubt', 'label-alone', '')}
    assert checkup.findings[0].files == ('line 3: train_2',)


def test_labels_as_jpeg_are_named_as_the_reason(root):
    label_of(root, 'train_2').rename(root / 'labeldata/train/train_2.jpg')
    (finding,) = examined(root).findings
    assert finding.key == 'label-missing' and 'JPEG' in finding.advice


@pytest.mark.parametrize('scale, line', [(1, 'index'), (255, 'binary')])  # fmt: skip
def test_labels_of_another_form_come_with_the_config_line_that_reads_them(root, scale, line):
    for index in range(4):
        grey_label(root, f'train_{index}', mask(index) * scale)
    (finding,) = examined(root).findings
    assert finding.what == '4 labels of another form than declared'
    assert finding.advice.startswith(f'--cfg-options train_dataloader.dataset.label_format={line} ')


def test_labels_of_several_forms_in_one_split(root):
    grey_label(root, 'train_0', mask(0) * 255)
    (finding,) = examined(root).findings
    assert '--label-format palette binary --fix' in finding.advice
    mixed = examined(root, label_formats=('palette', 'binary'))
    assert found(mixed) == {('fault', 'label-mix', 'train')}
    assert mixed.summaries[0].pixels[1] == sum(int(mask(seed).sum()) for seed in range(4))


def test_masks_of_0_and_255_read_as_indices_are_a_fault(root):
    for stem in ('val_0', 'val_1'):
        grey_label(root, stem, mask(0) * 255)
    for stem in [f'train_{i}' for i in range(4)] + ['test_0', 'test_1']:
        grey_label(root, stem, mask(0))
    checkup = examined(root, label_formats=('index',))
    assert ('fault', 'masks', 'val') in found(checkup)
    assert 'label_format=binary' in checkup.findings[0].advice
    assert not {key for level, key, _ in found(examined(root, label_formats=('binary',))) if key == 'masks'}


def test_one_mask_of_0_and_255_among_index_labels_is_a_doubt(root):
    for index in range(4):
        grey_label(root, f'train_{index}', mask(index))
    grey_label(root, 'train_0', mask(0) * 255)
    checkup = examined(root, label_formats=('index', 'palette'))
    assert ('doubt', 'masks', 'train') in found(checkup)


def test_a_label_in_colours_is_read_as_such(root):
    Image.fromarray(np.array(PALETTE, np.uint8)[mask(0)]).save(label_of(root, 'val_0'))
    Image.fromarray(np.array(PALETTE, np.uint8)[mask(0)]).save(label_of(root, 'val_1'))
    (finding,) = examined(root).findings
    assert 'val_dataloader.dataset.label_format=colour' in finding.advice


def test_exact_duplicates_across_splits_are_a_fault_and_within_one_a_note(root):
    shutil.copy(image_of(root, 'train_0'), image_of(root, 'train_1'))
    Image.fromarray(scene(2)).save(root / 'rawdata/val/val_0.bmp')  # the pixels of train_2 in another file format
    image_of(root, 'val_0').unlink()
    findings = {finding.key: finding for finding in examined(root).findings}
    assert findings['leak'].level == 'fault'
    assert findings['leak'].files == ('train:rawdata/train/train_2.png = val:rawdata/val/val_0.bmp',)
    assert findings['twice'].files == ('train:rawdata/train/train_0.png = train:rawdata/train/train_1.png',)
    assert findings['contradiction'].level == 'doubt'  # their labels differ
    assert set(findings) == {'leak', 'twice', 'contradiction'}


def test_a_picture_encoded_again_in_another_split_is_a_doubt(root):
    image_of(root, 'val_0').unlink()
    Image.fromarray(scene(2)).save(root / 'rawdata/val/val_0.jpg', quality=60)
    (finding,) = examined(root).findings
    assert (finding.level, finding.key) == ('doubt', 'near-leak')
    assert finding.files[0].startswith('train:rawdata/train/train_2.png ~ val:rawdata/val/val_0.jpg (')


def test_images_without_foreground_and_unlisted_ones_are_notes(root):
    write_label_png(label_of(root, 'train_0'), mask(0) * 0, PALETTE)
    Image.fromarray(scene(50)).save(root / 'rawdata/train/more.png')
    checkup = examined(root)
    assert found(checkup) == {('note', 'no-foreground', 'train'), ('note', 'unlisted', '')}
    assert checkup.summaries[0].without_foreground == ('rawdata/train/train_0.png',)


def test_a_split_without_any_foreground_is_a_doubt(root):
    for stem in ('val_0', 'val_1'):
        write_label_png(label_of(root, stem), mask(0) * 0, PALETTE)
    assert found(examined(root)) == {('doubt', 'no-foreground', 'val'), ('doubt', 'class-absent', 'val')}


def test_a_rare_class_is_a_doubt(root):
    for index in range(4):
        classes = np.zeros(SIZE, np.uint8)
        classes[0, :3] = 1
        write_label_png(label_of(root, f'train_{index}'), classes, PALETTE)
    assert ('doubt', 'class-rare', 'train') in found(examined(root))


def test_a_class_on_pixels_without_data_is_a_doubt_unless_ignored(root):
    image = scene(0)
    image[:, :20] = 0
    Image.fromarray(image).save(image_of(root, 'train_0'))
    checkup = examined(root)
    assert found(checkup) == {('doubt', 'nodata-class', 'train')}
    assert checkup.summaries[0].nodata == 20 / 64 / 4
    classes = mask(0)
    classes[:, :20] = 255
    write_label_png(label_of(root, 'train_0'), classes, PALETTE)
    assert examined(root).findings == []


def test_an_image_to_be_turned_is_a_doubt(root):
    exif = Image.Exif()
    exif[274] = 6
    # As its label is stored: training turns the image, so the two lie alike again.
    Image.fromarray(np.ascontiguousarray(np.rot90(scene(0)))).save(image_of(root, 'train_0'), exif=exif)
    assert found(examined(root)) == {('doubt', 'turned', 'train')}


def test_shares_that_differ_between_splits_are_a_note(root):
    for stem in ('val_0', 'val_1'):
        write_label_png(label_of(root, stem), 1 - mask(0), PALETTE)
    assert found(examined(root)) == {('note', 'shares', '')}


def test_what_training_refuses_is_a_fault_even_where_nothing_else_explains_it(root, monkeypatch):
    monkeypatch.setattr('mmseg_aux_hrnet.doctor.checkup.refusals', lambda sources: [(sources[1], 'SplitError: odd')])
    (finding,) = examined(root).findings
    assert (finding.level, finding.key, finding.split) == ('fault', 'refused', 'val')


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere file names are Unicode')
def test_a_file_name_that_no_list_can_hold_is_a_fault(root):
    shutil.rmtree(root / 'splits')
    shutil.copy(image_of(root, 'train_0'), os.fsencode(str(root / 'rawdata/train')) + b'/b\xffd.png')
    checkup = examined(root)
    (fault,) = (finding for finding in checkup.findings if finding.level == 'fault')
    assert (fault.key, fault.files) == ('name', ('b\\udcffd',))
    assert checkup.summaries[0].images == 4


def test_test_images_of_a_tree_need_no_labels(root):
    shutil.rmtree(root / 'splits')
    shutil.rmtree(root / 'labeldata/test')
    assert ('note', 'no-labels', 'test') in found(examined(root))
    assert not examined(root).faults
    shutil.rmtree(root / 'labeldata/val')
    assert ('fault', 'folder', 'val') in found(examined(root))


def test_a_photograph_as_label_is_described_in_few_words(root):
    Image.fromarray(scene(3)).save(label_of(root, 'val_0'))
    (finding,) = examined(root).findings
    assert finding.files[0].endswith('(it holds more than 256 values)')
