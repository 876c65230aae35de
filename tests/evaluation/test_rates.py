"""Rates against scikit-learn, torchmetrics, closed forms and published rows; and what is undefined."""

import math

import numpy as np
import pytest
import torch
from evaluation_support import random_maps, u8
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    jaccard_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
)
from torchmetrics.functional import classification

from mmseg_aux_hrnet.evaluation.confusion import confusion_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates, rates_by_key


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


@pytest.mark.parametrize('num_classes', [2, 5])
@pytest.mark.parametrize('seed', range(3))
def test_rates_equal_torchmetrics(seed, num_classes):
    prediction, label = random_maps(seed, num_classes=num_classes)
    tensors = torch.from_numpy(prediction), torch.from_numpy(label).long()
    rule = dict(num_classes=num_classes, ignore_index=255, average=None)
    counts = confusion_counts(prediction, label, num_classes=num_classes)
    rates, overall = class_rates(counts), overall_rates(counts)
    for name in ('precision', 'recall', 'f1'):
        measure = getattr(classification, f'multiclass_{name}_score' if name == 'f1' else f'multiclass_{name}')
        assert [getattr(r, name) for r in rates] == pytest.approx((100 * measure(*tensors, **rule)).tolist(), rel=1e-5)
    iou = classification.multiclass_jaccard_index(*tensors, **rule)
    assert [r.iou for r in rates] == pytest.approx((100 * iou).tolist(), rel=1e-5)
    weighted = classification.multiclass_jaccard_index(*tensors, **{**rule, 'average': 'weighted'})
    assert overall.fwiou == pytest.approx(100 * float(weighted), rel=1e-5)
    mcc = classification.multiclass_matthews_corrcoef(*tensors, num_classes, ignore_index=255)
    assert overall.mcc == pytest.approx(float(mcc), rel=1e-5)
    kappa = classification.multiclass_cohen_kappa(*tensors, num_classes, ignore_index=255)
    assert overall.kappa == pytest.approx(float(kappa), rel=1e-4)


@pytest.mark.parametrize('num_classes', [2, 5])
@pytest.mark.parametrize('seed', range(3))
def test_mcc_and_weighted_iou_equal_scikit_learn(seed, num_classes):
    prediction, label = random_maps(seed, num_classes=num_classes)
    reference, predicted = label[label != 255], prediction[label != 255]
    overall = overall_rates(confusion_counts(prediction, label, num_classes=num_classes))
    assert overall.mcc == pytest.approx(matthews_corrcoef(reference, predicted))
    assert overall.fwiou == pytest.approx(100 * jaccard_score(reference, predicted, average='weighted'))


def test_mcc_of_two_classes_by_its_textbook_formula():
    tp, tn, fp, fn = 30, 50, 7, 13
    root = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    overall = overall_rates(np.array([[tn, fp], [fn, tp]]))
    assert overall.mcc == pytest.approx((tp * tn - fp * fn) / root, rel=1e-15)


@pytest.mark.parametrize('counts', [[[5, 0], [5, 0]], [[5, 5], [0, 0]], [[5, 0], [0, 0]], [[0, 0], [0, 0]]])
def test_mcc_of_one_class_is_undefined(counts):
    assert math.isnan(overall_rates(np.array(counts)).mcc)


def test_weighted_iou_skips_classes_without_reference():
    # IoU 60/85 with 80 reference pixels, 10/35 with 20; the third class is predicted only.
    counts = np.array([[60, 15, 5], [5, 10, 5], [0, 0, 0]])
    assert overall_rates(counts).fwiou == pytest.approx((80 * 100 * 60 / 85 + 20 * 100 * 10 / 35) / 100)


def test_rates_by_key():
    counts = np.array([[4, 0], [1, 2]])
    keyed = rates_by_key(counts, ('background', 'green'))
    overall = overall_rates(counts)
    assert list(keyed)[:8] == ['OA', 'mIoU', 'mAcc', 'mDice', 'FWIoU', 'kappa', 'MCC', 'balanced accuracy']
    assert list(keyed)[8:12] == [f'{rate}.background' for rate in ('IoU', 'Precision', 'Recall', 'F1')]
    assert keyed['balanced accuracy'] == keyed['mAcc'] == overall.macc == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert (keyed['FWIoU'], keyed['MCC']) == (overall.fwiou, overall.mcc)
    assert keyed['IoU.green'] == pytest.approx(200 / 3)


def test_products_of_large_counts_keep_mcc_exact():
    n = 10**12
    assert overall_rates(np.array([[n, n], [0, 0]]) + np.array([[0, 0], [n, n]])).mcc == 0.0
    assert overall_rates(np.array([[n, 0], [0, n]])).mcc == 1.0
