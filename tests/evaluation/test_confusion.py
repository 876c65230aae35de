"""Counts by hand, against scikit-learn and torchmetrics, and at the sizes where other ways of counting go wrong."""

import numpy as np
import pytest
import torch
from evaluation_support import random_maps, u8
from sklearn.metrics import confusion_matrix
from torchmetrics.functional.classification import multiclass_confusion_matrix

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.evaluation import confusion
from mmseg_aux_hrnet.evaluation.confusion import confusion_counts


def test_counts_by_hand():
    label = u8([[0, 0, 1], [1, 255, 1]])
    prediction = u8([[0, 1, 1], [0, 1, 1]])
    counts = confusion_counts(prediction, label, num_classes=2)
    assert counts.tolist() == [[1, 1], [1, 2]]
    assert counts.dtype == np.int64


@pytest.mark.filterwarnings('ignore:A single label')
@pytest.mark.parametrize('dtype', [np.uint8, np.int64])
@pytest.mark.parametrize('num_classes', [1, 2, 7, 255])
def test_counts_equal_scikit_learn(num_classes, dtype):
    prediction, label = random_maps(num_classes, num_classes=num_classes, dtype=dtype)
    valid = label != 255
    expected = confusion_matrix(label[valid], prediction[valid], labels=range(num_classes))
    assert np.array_equal(confusion_counts(prediction, label, num_classes=num_classes), expected)


def test_counts_are_exact_above_float32():
    zeros = np.zeros((5000, 5000), dtype=np.uint8)
    assert confusion_counts(zeros, zeros, num_classes=2).tolist() == [[25_000_000, 0], [0, 0]]


def test_counts_of_views_and_other_ignored_index():
    prediction, label = random_maps(3, num_classes=2)
    plain = confusion_counts(prediction.T.copy(), label.T.copy(), num_classes=2)
    assert np.array_equal(confusion_counts(prediction.T, label.T, num_classes=2), plain)
    moved = np.where(label == 255, 9, label)
    assert np.array_equal(confusion_counts(prediction.T, moved.T, num_classes=2, ignore_index=9), plain)


def test_ignored_index_may_be_predicted_where_it_is_ignored():
    assert confusion_counts(u8([[255, 1]]), u8([[255, 1]]), num_classes=2).tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ('prediction', 'label', 'message'),
    [
        ([[0, 0], [0, 0]], [[0, 0], [128, 1]], r'label value 128 at \(row, column\) \(1, 0\).*1 such pixels of 4'),
        ([[0, 2], [0, 2]], [[0, 0], [0, 1]], r'prediction value 2 at \(row, column\) \(0, 1\).*2 such pixels of 4'),
        ([[0, 0], [0, 2]], [[0, 0], [0, 255]], r'prediction value 2 at \(row, column\) \(1, 1\)'),
        ([[0, 255], [0, 0]], [[0, 0], [0, 255]], r'prediction value 255 at \(row, column\) \(0, 1\)'),
    ],
)
def test_value_outside_the_classes(prediction, label, message):
    with pytest.raises(LabelError, match=message):
        confusion_counts(u8(prediction), u8(label), num_classes=2)


@pytest.mark.parametrize('value', [-1, 256, 65536])
def test_value_that_a_byte_would_wrap(value):
    label = np.array([[0, 1], [1, value]])
    with pytest.raises(LabelError, match=rf'label value {value} at \(row, column\) \(1, 1\)'):
        confusion_counts(np.zeros_like(label), label, num_classes=2)


def test_float_maps_are_refused():
    with pytest.raises(LabelError, match='float64'):
        confusion_counts(np.zeros((2, 2)), u8([[0, 0], [0, 0]]), num_classes=2)


def test_other_shape_is_refused():
    with pytest.raises(DataError, match=r'\(2, 3\).*\(3, 2\)'):
        confusion_counts(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), num_classes=2)


@pytest.mark.parametrize(('num_classes', 'ignore_index'), [(256, 255), (300, 400), (2, 1), (0, 255), (2, -100)])
def test_class_numbers_that_cannot_be_counted(num_classes, ignore_index):
    with pytest.raises(ConfigError, match=f'num_classes={num_classes} with ignore_index={ignore_index}'):
        confusion_counts(u8([[0]]), u8([[0]]), num_classes=num_classes, ignore_index=ignore_index)


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.int32, np.int64, '>i4', np.uint64])
@pytest.mark.parametrize('num_classes', [2, 3, 4, 19])
def test_counts_equal_torchmetrics(num_classes, dtype):
    prediction, label = random_maps(num_classes, num_classes=num_classes)
    expected = multiclass_confusion_matrix(
        torch.from_numpy(prediction), torch.from_numpy(label), num_classes, ignore_index=255
    )
    counts = confusion_counts(prediction.astype(dtype), label.astype(dtype), num_classes=num_classes)
    assert counts.tolist() == expected.tolist()


@pytest.mark.parametrize('num_classes', [2, 4])
@pytest.mark.parametrize('length', [1, 7, 46 * 33, 47 * 33, 47 * 33 + 1])
def test_maps_of_several_chunks(monkeypatch, num_classes, length):
    prediction, label = random_maps(1, num_classes=num_classes)
    whole = confusion_counts(prediction, label, num_classes=num_classes)
    monkeypatch.setattr(confusion, 'CHUNK', length)
    monkeypatch.setattr(confusion, 'LONG_CHUNK', length)
    assert confusion_counts(prediction, label, num_classes=num_classes).tolist() == whole.tolist()
    label[-1, -1] = 100
    with pytest.raises(LabelError, match=r'label value 100 at \(row, column\) \(32, 46\)'):
        confusion_counts(prediction, label, num_classes=num_classes)


@pytest.mark.parametrize('num_classes', [1, 2, 3])
def test_masks_and_codes_count_alike(num_classes):
    prediction, label = (values.ravel() for values in random_maps(2, num_classes=num_classes))
    prediction[label == 255] = 255
    rule = dict(num_classes=num_classes, ignore_index=255)
    counts, known = confusion._count_by_masks(prediction, label, **rule)
    coded, known_too = confusion._count_by_codes(prediction, label, **rule)
    assert counts.tolist() == coded.tolist()
    assert known == known_too == label.size


@pytest.mark.parametrize('num_classes', [2, 4])
@pytest.mark.parametrize('value', [-1, -250, 256, 2**40 + 1])
def test_prediction_that_a_byte_would_wrap(num_classes, value):
    prediction = np.array([[0, 1], [value, 1]])
    with pytest.raises(LabelError, match=rf'prediction value {value} at \(row, column\) \(1, 0\)'):
        confusion_counts(prediction, np.zeros_like(prediction), num_classes=num_classes)


@pytest.mark.parametrize('num_classes', [2, 4])
def test_nothing_to_count(num_classes):
    assert not confusion_counts(u8([[]]), u8([[]]), num_classes=num_classes).any()
    assert not confusion_counts(u8([[0]]), u8([[255]]), num_classes=num_classes).any()
