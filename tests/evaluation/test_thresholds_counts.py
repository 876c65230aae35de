"""Counts by level equal direct counting of ``p >= threshold``, at every level and for every float next to one."""

import numpy as np
import pytest
import torch

from mmseg_aux_hrnet.decision import reaches
from mmseg_aux_hrnet.errors import DataError, LabelError
from mmseg_aux_hrnet.evaluation.thresholds import LEVELS, NO_COUNTS, UNIT, threshold_counts


def at_the_levels():
    """Every level in float32, the floats next to it, and the smallest and largest there are."""
    levels = LEVELS.astype(np.float32)
    below, above = np.nextafter(levels[1:], np.float32(0)), np.nextafter(levels[:-1], np.float32(1))
    return np.concatenate([levels, below, above, np.float32([1e-45, 1e-38, 0.0, 1.0])])[None]


def saturated(seed):
    logits = 12 * torch.randn((2, 64, 64), generator=torch.Generator().manual_seed(seed))
    return logits.softmax(0)[1].numpy()


@pytest.mark.parametrize('probability', [at_the_levels(), saturated(0), saturated(1)], ids=['levels', 'a', 'b'])
def test_equals_direct_counting_at_every_level(probability):
    label = np.random.default_rng(0).integers(0, 2, probability.shape).astype(np.uint8)
    counts = threshold_counts(probability, label, class_index=1)
    predicted, hits = (np.cumsum(part[::-1])[::-1] for part in (counts[0] + counts[1], counts[1]))
    tensor = torch.from_numpy(probability)
    for level in (*range(0, LEVELS.size, 7), LEVELS.size - 1):
        reached = reaches(tensor, LEVELS[level]).numpy()
        assert (predicted[level], hits[level]) == (reached.sum(), (reached & (label == 1)).sum())


def test_ignored_pixels_and_the_class_do_count():
    probability = np.float32([[0.2, 0.9], [0.9, 0.5]])
    label = np.array([[0, 1], [255, 0]])
    counts = threshold_counts(probability, label, class_index=0)
    assert np.flatnonzero(counts[1]).tolist() == [2000, 5000]
    assert np.flatnonzero(counts[0]).tolist() == [9000]
    assert counts[2, 9000] == round(float(np.float32(0.9)) / UNIT)


def test_summed_probabilities_are_exact_in_any_order():
    probability = saturated(2)
    label = np.zeros(probability.shape, np.uint8)
    whole = threshold_counts(probability, label, class_index=1)
    rows = NO_COUNTS
    for row in np.random.default_rng(0).permutation(len(probability)):
        rows = rows + threshold_counts(probability[row : row + 1], label[row : row + 1], class_index=1)
    assert np.array_equal(whole, rows)
    assert not NO_COUNTS.any()
    assert whole[2].sum() * UNIT == pytest.approx(probability.astype(np.float64).sum(), abs=1e-4)


def test_an_image_of_ignored_pixels_counts_nothing():
    counts = threshold_counts(np.zeros((2, 2), np.float32), np.full((2, 2), 255), class_index=1)
    assert not counts.any()


@pytest.mark.parametrize('wrong', [np.nan, -0.1, 1.0001, np.inf])
def test_what_is_no_probability(wrong):
    with pytest.raises(DataError, match='is not a number from 0 to 1'):
        threshold_counts(np.float32([[0.5, wrong]]), np.zeros((1, 2), np.uint8), class_index=1)


def test_what_is_no_class():
    with pytest.raises(LabelError, match='label value 7 is not a class: classes are 0 and 1, ignored is 255'):
        threshold_counts(np.zeros((1, 3), np.float32), np.uint8([[0, 7, 255]]), class_index=1)


def test_another_size():
    with pytest.raises(DataError, match=r'shape \(1, 2\) but label of shape \(1, 3\)'):
        threshold_counts(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.uint8), class_index=1)
