"""Counts by hand and against scikit-learn; rates against scikit-learn, closed forms and published rows."""

import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    jaccard_score,
    precision_recall_fscore_support,
)

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.evaluation.confusion import confusion_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates


def u8(rows):
    return np.array(rows, dtype=np.uint8)


def random_maps(seed, *, num_classes, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, num_classes, (33, 47), dtype=dtype)
    prediction = np.where(rng.random(label.shape) < 0.6, label, rng.integers(0, num_classes, label.shape, dtype=dtype))
    label[rng.random(label.shape) < 0.1] = 255
    return prediction, label


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


@pytest.mark.parametrize('num_classes', [2, 5])
@pytest.mark.parametrize('seed', range(3))
def test_class_rates_equal_scikit_learn(seed, num_classes):
    prediction, label = random_maps(seed, num_classes=num_classes)
    reference, predicted = label[label != 255], prediction[label != 255]
    rates = class_rates(confusion_counts(prediction, label, num_classes=num_classes))
    precision, recall, f1, support = precision_recall_fscore_support(reference, predicted)
    assert [r.precision for r in rates] == pytest.approx(100 * precision)
    assert [r.recall for r in rates] == pytest.approx(100 * recall)
    assert [r.f1 for r in rates] == pytest.approx(100 * f1)
    assert [r.iou for r in rates] == pytest.approx(100 * jaccard_score(reference, predicted, average=None))
    assert [r.support for r in rates] == support.tolist()
    assert [r.predicted for r in rates] == np.bincount(predicted, minlength=num_classes).tolist()


@pytest.mark.parametrize('num_classes', [2, 5])
@pytest.mark.parametrize('seed', range(3))
def test_overall_rates_equal_scikit_learn(seed, num_classes):
    prediction, label = random_maps(seed, num_classes=num_classes)
    reference, predicted = label[label != 255], prediction[label != 255]
    overall = overall_rates(confusion_counts(prediction, label, num_classes=num_classes))
    assert overall.oa == pytest.approx(100 * accuracy_score(reference, predicted))
    assert overall.macc == pytest.approx(100 * balanced_accuracy_score(reference, predicted))
    assert overall.miou == pytest.approx(100 * jaccard_score(reference, predicted, average='macro'))
    assert overall.mdice == pytest.approx(
        100 * precision_recall_fscore_support(reference, predicted, average='macro')[2]
    )
    assert overall.kappa == pytest.approx(cohen_kappa_score(reference, predicted))
    assert overall.pixels == reference.size


def test_f1_and_iou_follow_from_precision_and_recall():
    for rates in class_rates(confusion_counts(*random_maps(5, num_classes=4), num_classes=4)):
        p, r = rates.precision / 100, rates.recall / 100
        assert rates.f1 / 100 == pytest.approx(2 * p * r / (p + r), rel=1e-12)
        assert rates.iou / 100 == pytest.approx(rates.f1 / (200 - rates.f1), rel=1e-12)


def test_published_row():
    """The reference's best row for green: precision 83.01 and recall 85.69 give F1 84.33 and IoU 72.91."""
    hits = 10_000_000
    missed, wrong = round(hits * (1 / 0.8569 - 1)), round(hits * (1 / 0.8301 - 1))
    green = class_rates(np.array([[30_000_000, wrong], [missed, hits]]))[1]
    assert green.precision == pytest.approx(83.01, abs=1e-4)
    assert green.recall == pytest.approx(85.69, abs=1e-4)
    assert green.f1 == pytest.approx(84.33, abs=0.01)
    assert green.iou == pytest.approx(72.91, abs=0.01)


def test_never_predicted_class_counts_as_zero():
    counts = np.array([[80, 0], [20, 0]])
    green, overall = class_rates(counts)[1], overall_rates(counts)
    assert math.isnan(green.precision)
    assert (green.recall, green.iou, green.f1, green.absent) == (0.0, 0.0, 0.0, False)
    assert overall.miou == pytest.approx(40.0)
    assert overall.mdice == pytest.approx(100 * 160 / 180 / 2)
    assert overall.macc == 50.0
    assert overall.kappa == 0.0


def test_class_without_reference_pixels_is_no_part_of_macc():
    counts = np.array([[60, 20], [0, 0]])
    green, overall = class_rates(counts)[1], overall_rates(counts)
    assert math.isnan(green.recall)
    assert (green.precision, green.iou, green.f1, green.absent) == (0.0, 0.0, 0.0, False)
    assert overall.macc == 75.0
    assert overall.miou == 37.5


def test_absent_class_is_in_no_mean():
    counts = np.array([[60, 20, 0], [10, 10, 0], [0, 0, 0]])
    absent, overall = class_rates(counts)[2], overall_rates(counts)
    assert absent.absent
    assert all(math.isnan(value) for value in (absent.precision, absent.recall, absent.iou, absent.f1))
    assert overall == overall_rates(counts[:2, :2])


def test_one_pixel_has_no_kappa():
    overall = overall_rates(confusion_counts(u8([[1]]), u8([[1]]), num_classes=2))
    assert (overall.oa, overall.miou, overall.macc, overall.mdice, overall.pixels) == (100.0, 100.0, 100.0, 100.0, 1)
    assert math.isnan(overall.kappa)


def test_kappa_of_total_disagreement():
    assert overall_rates(np.array([[0, 5], [5, 0]])).kappa == -1.0


def test_all_ignored_is_undefined():
    counts = confusion_counts(u8([[0, 1]]), u8([[255, 255]]), num_classes=2)
    overall = overall_rates(counts)
    assert all(rates.absent for rates in class_rates(counts))
    assert all(math.isnan(v) for v in (overall.oa, overall.miou, overall.macc, overall.mdice, overall.kappa))
    assert overall.pixels == 0


def test_products_beyond_64_bits_stay_exact():
    """10^10 pixels squared do not fit 64 bits; kappa of a 2:1 diagonal with 1 % swapped is 1 - 0.01 / (1 - pe)."""
    n = 10**10
    counts = np.array([[2 * n - n // 100, n // 100], [n // 100, n - n // 100]], dtype=np.int64)
    assert overall_rates(counts).kappa == pytest.approx(1 - (2 / 300) / (4 / 9), rel=1e-14)


def test_rates_are_plain_numbers():
    counts = confusion_counts(*random_maps(1, num_classes=2), num_classes=2)
    green, overall = class_rates(counts)[1], overall_rates(counts)
    assert {type(v) for v in (green.precision, green.recall, green.iou, green.f1)} == {float}
    assert {type(v) for v in (green.support, green.predicted, overall.pixels)} == {int}
    assert {type(v) for v in (overall.oa, overall.miou, overall.macc, overall.mdice, overall.kappa)} == {float}
