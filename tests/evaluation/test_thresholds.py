"""The curve equals direct counting; the areas equal scikit-learn's on probabilities rounded down to the levels."""

import json
import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    f1_score,
    jaccard_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)

from mmseg_aux_hrnet.evaluation.thresholds import (
    CRITERIA,
    INTERVALS,
    LEVELS,
    as_json,
    threshold_counts,
    threshold_sweep,
)


def drawn(seed=0, shape=(64, 64), *, sharpness=1.0):
    """Return probabilities, and labels that they tell about but not without bias."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(0, 2, shape)
    probability = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return probability, (rng.random(shape) < probability**1.5).astype(np.uint8)


def sweep_of(probability, label):
    return threshold_sweep(threshold_counts(probability, label, class_index=1), class_name='green')


def at_levels(probability):
    """Round down to the levels, as scores that may stand for the probabilities wherever only their order counts."""
    return np.searchsorted(LEVELS.astype(np.float32), probability.ravel(), side='right') - 1


@pytest.mark.parametrize('threshold', [0.001, 0.25, 0.5, 0.737, 0.97])
def test_figures_equal_those_of_the_thresholded_map(threshold):
    probability, label = drawn()
    at = sweep_of(probability, label).at(threshold)
    truth, predicted = label.ravel(), (probability >= np.float32(threshold)).ravel()
    expected = [100 * score(truth, predicted) for score in (precision_score, recall_score, jaccard_score, f1_score)]
    assert at[:1] == (threshold,)
    assert at[1:5] == pytest.approx(expected)
    assert at.kappa == pytest.approx(cohen_kappa_score(truth, predicted))


@pytest.mark.parametrize('sharpness', [0.1, 1.0, 8.0])
def test_average_precision_is_that_of_scikit_learn(sharpness):
    probability, label = drawn(3, sharpness=sharpness)
    ours = sweep_of(probability, label).average_precision
    assert ours == pytest.approx(average_precision_score(label.ravel(), at_levels(probability)))
    assert ours == pytest.approx(average_precision_score(label.ravel(), probability.ravel()), abs=2e-3)


def test_precision_and_recall_are_those_of_scikit_learn():
    probability, label = drawn(4)
    curve = {round(INTERVALS * at.threshold): at for at in sweep_of(probability, label).curve}
    precision, recall, levels = precision_recall_curve(label.ravel(), at_levels(probability))
    met = [index for index, level in enumerate(levels) if int(level) in curve]
    assert len(met) > 100
    for index in met:
        at = curve[int(levels[index])]
        assert (at.precision, at.recall) == pytest.approx((100 * precision[index], 100 * recall[index]))


def test_reliability_is_that_of_scikit_learn():
    probability, label = drawn(5)
    assert not np.isin(probability, LEVELS[::500].astype(np.float32)).any()  # scikit-learn's bins hold their upper end
    reliability = sweep_of(probability, label).reliability
    observed, confidence = calibration_curve(label.ravel(), probability.ravel(), n_bins=20)
    assert [bin_.observed for bin_ in reliability] == pytest.approx(observed.tolist())
    assert [bin_.confidence for bin_ in reliability] == pytest.approx(confidence.tolist(), abs=1e-7)
    assert sum(bin_.pixels for bin_ in reliability) == label.size


def test_calibration_error_by_hand():
    probability, label = np.float32([[0.125, 0.125, 0.125, 1.0]]), np.uint8([[0, 0, 1, 1]])
    sweep = sweep_of(probability, label)
    assert sweep.ece == pytest.approx((3 * (1 / 3 - 0.125) + 0) / 4)
    filled = [bin_ for bin_ in sweep.reliability if bin_.pixels]
    assert [(bin_.low, bin_.high, bin_.pixels) for bin_ in filled] == [(0.1, 0.15, 3), (0.95, 1.0, 1)]


def test_the_best_threshold_by_hand():
    sweep = sweep_of(np.float32([[0.1, 0.3, 0.6, 0.8]]), np.uint8([[0, 1, 0, 1]]))
    best = sweep.best('iou')  # from 0.101 to 0.3 three pixels, one of them wrong
    assert (best.threshold, best.iou) == (0.3, pytest.approx(200 / 3))


@pytest.mark.parametrize(('low', 'high', 'expected'), [(0.2, 0.4, 0.4), (0.7, 0.9, 0.701), (0.2, 0.9, 0.5)])
def test_among_equals_the_best_is_nearest_to_one_half(low, high, expected):
    sweep = sweep_of(np.float32([[low, high]]), np.uint8([[0, 1]]))
    assert {sweep.best(metric.key).threshold for metric in CRITERIA} == {expected}


def test_of_two_equally_near_to_one_half_the_lower_is_best():
    sweep = sweep_of(np.float32([[0.4, 0.599, 0.599, 0.8]]), np.uint8([[1, 0, 0, 1]]))
    assert [sweep.at(threshold).iou for threshold in (0.4, 0.5, 0.6)] == [50, 25, 50]
    assert sweep.best('iou').threshold == 0.4


def test_without_a_pixel_of_the_class():
    sweep = sweep_of(np.float32([[0.2, 0.4]]), np.uint8([[0, 0]]))
    assert math.isnan(sweep.average_precision)
    assert sweep.ece == pytest.approx(0.3)
    assert sweep.best('iou').iou == 0.0  # what is predicted is wrong; above 0.4 the class is absent and IoU undefined
    assert math.isnan(sweep.at(0.5).iou)


def test_with_nothing_but_the_class():
    sweep = sweep_of(np.float32([[0.2, 0.4]]), np.uint8([[1, 1]]))
    assert sweep.average_precision == 1.0
    assert (sweep.best('iou').threshold, sweep.best('iou').iou) == (0.2, 100.0)
    assert sweep.best('kappa').kappa == 0.0


def test_without_a_pixel_nothing_is_defined():
    sweep = sweep_of(np.float32([[0.2]]), np.uint8([[255]]))
    assert all(sweep.best(metric.key) is None for metric in CRITERIA)
    assert math.isnan(sweep.average_precision)
    assert math.isnan(sweep.ece)


def test_json_is_strict_and_in_columns():
    held = json.loads(json.dumps(as_json(sweep_of(*drawn(6))), allow_nan=False))
    assert held['thresholds'] == [k / 1000 for k in range(1001)]
    for name in ('precision', 'recall', 'f1', 'iou', 'kappa'):
        assert len(held[name]) == 1001
    best = held['best']['iou']
    assert best['value'] == held['iou'][held['thresholds'].index(best['threshold'])] == max(held['iou'][1:-1])


def test_json_has_null_for_what_is_undefined():
    held = as_json(sweep_of(np.float32([[0.2]]), np.uint8([[0]])))
    assert held['average_precision'] is None
    assert held['precision'][-1] is None
    assert held['reliability'][0]['confidence'] is None
    json.dumps(held, allow_nan=False)
