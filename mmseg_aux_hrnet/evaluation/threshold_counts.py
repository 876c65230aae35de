"""Counts of pixels by the probability of one class, from which every figure at every threshold follows exactly.

The levels are 0, 0.0001, ..., 1 in float32. A pixel belongs to the highest level that its probability p reaches, so the
pixels with p >= level are those at this level and above: the very pixels that deciding by ``p >= level`` selects, also
where p lies next to a level or on it. Nothing is kept of an image but these counts.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import DataError, LabelError

INTERVALS = 10_000
LEVELS: npt.NDArray[np.float64] = np.arange(INTERVALS + 1) / INTERVALS
UNIT = 2.0**-24  # of the summed probabilities: integers, so that their sum does not depend on the order of the images

# With one more that nothing reaches, so that each level has a next one.
_LEVELS32 = np.append(LEVELS, 2.0).astype(np.float32)


class ThresholdCounts(NamedTuple):
    """What is known of the pixels at each level, all int64 (10001,).

    Attributes:
        negatives: pixels of the other class.
        positives: pixels of the class.
        summed: sum of the probabilities of both, in units of 2^-24.
    """

    negatives: npt.NDArray[np.int64]
    positives: npt.NDArray[np.int64]
    summed: npt.NDArray[np.int64]

    def plus(self, other: 'ThresholdCounts') -> 'ThresholdCounts':
        """Return the counts of both."""
        return ThresholdCounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def no_counts() -> ThresholdCounts:
    """Return the counts of no pixel."""
    return ThresholdCounts(*np.zeros((3, LEVELS.size), np.int64))


def threshold_counts(
    probability: npt.NDArray[np.float32],
    label: npt.NDArray[np.integer[Any]],
    *,
    class_index: int,
    ignore_index: int = 255,
) -> ThresholdCounts:
    """Count the pixels of one image by level.

    Args:
        probability: probability of the class, float32 (H, W), 0..1.
        label: reference class of every pixel, integer (H, W): 0, 1 or the ignored index.
        class_index: the class whose probability it is, 0 or 1.
        ignore_index: label value of the pixels that do not count.

    Raises:
        DataError: the maps differ in shape, or a probability is no number from 0 to 1.
        LabelError: a label is neither of the two classes.
    """
    if probability.shape != label.shape:
        raise DataError(
            f'probabilities of shape {probability.shape} but label of shape {label.shape}: both must have the same '
            '(height, width); do not resize the label in the test pipeline'
        )
    valid = label != ignore_index
    if not valid.all():
        probability, label = probability[valid], label[valid]
    positive = (label == class_index).ravel()
    if np.count_nonzero(label == 1 - class_index) + np.count_nonzero(positive) != label.size:
        stray = label[(label != 0) & (label != 1)]
        raise LabelError(f'label value {int(stray[0])} is no class: classes are 0 and 1, ignored is {ignore_index}')
    level = _level(probability.ravel())
    both = np.bincount(level + LEVELS.size * positive, minlength=2 * LEVELS.size).astype(np.int64)
    # bincount adds in float64, where sums of whole numbers below 2^53 are exact.
    units = np.rint(probability.ravel() * np.float32(1 / UNIT))
    summed = np.bincount(level, units, minlength=LEVELS.size)
    return ThresholdCounts(both[: LEVELS.size], both[LEVELS.size :], summed.astype(np.int64))


def _level(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return the highest level that each probability reaches, int32 (N,)."""
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):  # written so that nan is found too
        raise DataError('a probability is no number from 0 to 1: the weights of the model are damaged')
    # Rounding puts the product at most one level off, at the levels themselves; two comparisons put it right. Searching
    # the levels for each pixel takes ten times as long.
    level: npt.NDArray[np.int32] = (probability * np.float32(INTERVALS)).astype(np.int32)
    level -= probability < _LEVELS32[level]
    level += probability >= _LEVELS32[level + 1]
    return level
