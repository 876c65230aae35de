"""Figures of one of two classes at every threshold on its probability, and the calibration of that probability.

With ``p >= threshold`` as the decision, precision, recall, F1 and IoU (percent) are those of the class, kappa (-1..1)
that of both, by the rules of :mod:`~mmseg_aux_hrnet.evaluation.rates`. Undefined numbers are nan.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import DataError, LabelError
from mmseg_aux_hrnet.evaluation.metrics import CLASS_METRICS, F1, IOU, KAPPA, Metric
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates

INTERVALS = 10_000  # levels that pixels are counted at: ten times finer than the figures are given
STEP = INTERVALS // 1000  # figures are given at whole thousandths
CHUNK = 2**15  # pixels whose intermediate values stay in the processor's cache
RELIABILITY_BINS = 20
LEVELS: npt.NDArray[np.float64] = np.arange(INTERVALS + 1) / INTERVALS
UNIT = 2.0**-24  # of the summed probabilities: integers, so that their sum does not depend on the order of the images

CURVE: tuple[Metric[Any], ...] = (*CLASS_METRICS, KAPPA)  # the figures at each threshold
CRITERIA: tuple[Metric[Any], ...] = (IOU, F1, KAPPA)  # those that can choose a threshold
# With one more that nothing reaches, so that each level has a next one.
_LEVELS32 = np.append(LEVELS, 2.0).astype(np.float32)

# What is known of the pixels at each level, int64 (3, 10001), to be added up over images: how many are of the other
# class, how many of the class, and the sum of the probabilities of both in units of 2^-24. A pixel is at the highest
# level that its probability p reaches in float32, so those at a level and above are exactly those with p >= level.
ThresholdCounts = npt.NDArray[np.int64]
NO_COUNTS: ThresholdCounts = np.zeros((3, LEVELS.size), np.int64)


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
        DataError: the maps differ in shape, or a probability is not a number from 0 to 1.
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
        raise LabelError(f'label value {int(stray[0])} is not a class: classes are 0 and 1, ignored is {ignore_index}')
    given = probability.ravel()
    if given.size and not (given.min() >= 0 and given.max() <= 1):  # written so that nan is found too
        raise DataError('a probability is not a number from 0 to 1: the weights of the model are damaged')
    both, summed = np.zeros(2 * LEVELS.size, np.int64), np.zeros(LEVELS.size)
    for start in range(0, given.size, CHUNK):
        part = given[start : start + CHUNK]
        # Rounding puts the product at most one level off, at the levels themselves; two comparisons put it right.
        # Searching the levels for each pixel takes ten times as long.
        level = (part * np.float32(INTERVALS)).astype(np.intp)
        level -= part < _LEVELS32.take(level)
        level += part >= _LEVELS32.take(level + 1)
        # bincount adds in float64, where sums of whole numbers below 2^53 are exact.
        summed += np.bincount(level, np.rint(part * np.float32(1 / UNIT)), minlength=LEVELS.size)
        both += np.bincount(level + LEVELS.size * positive[start : start + CHUNK], minlength=both.size)
    return np.stack([both[: LEVELS.size], both[LEVELS.size :], summed.astype(np.int64)])


class AtThreshold(NamedTuple):
    """Figures of the decision ``p >= threshold``: percent, kappa -1..1."""

    threshold: float
    precision: float
    recall: float
    iou: float
    f1: float
    kappa: float


class ReliabilityBin(NamedTuple):
    """Pixels whose probability lies in ``low <= p < high``, in the last one ``p <= high``.

    Attributes:
        low: lower bound.
        high: upper bound.
        confidence: mean probability of the pixels, nan where there are none.
        observed: share of them, 0..1, that are of the class, nan where there are none.
        pixels: number of them.
    """

    low: float
    high: float
    confidence: float
    observed: float
    pixels: int


@dataclass(frozen=True)
class ThresholdSweep:
    """Everything that thresholds on the probability of a class do.

    Attributes:
        class_name: the class.
        curve: figures at the thresholds 0, 0.001, ..., 1, in that order.
        average_precision: area below the steps of precision over recall, 0..1; nan without a pixel of the class.
        ece: expected calibration error, 0..1: mean over all pixels of how far the observed share of the class is from
            the mean probability, in bins of 0.05; nan without a pixel.
        reliability: those bins.
    """

    class_name: str
    curve: tuple[AtThreshold, ...]
    average_precision: float
    ece: float
    reliability: tuple[ReliabilityBin, ...]

    def best(self, key: str) -> AtThreshold | None:
        """Return where the figure of a key is highest within 0 < threshold < 1; None where it is undefined throughout.

        Among equals the threshold nearest to 0.5 is best, of two equally near to it the lower.
        """
        inner = [at for at in self.curve[1:-1] if not math.isnan(getattr(at, key))]
        # In whole thousandths: distances in floating point would tell apart what is equally near.
        return max(inner, key=lambda at: (getattr(at, key), -abs(round(1000 * at.threshold) - 500)), default=None)

    def at(self, threshold: float) -> AtThreshold:
        """Return the figures at the thousandth nearest to ``threshold``."""
        return self.curve[round(1000 * threshold)]


def threshold_sweep(counts: ThresholdCounts, *, class_name: str) -> ThresholdSweep:
    """Return the figures at every threshold from the counts of all images together."""
    # The pixels that reach each level: what is predicted there, if it is the threshold.
    alarms, hits = counts[:2, ::-1].cumsum(axis=1)[:, ::-1]
    positives, negatives = hits[0], alarms[0]  # every pixel reaches level 0
    tables = np.stack([negatives - alarms, alarms, positives - hits, hits], axis=1)[::STEP].reshape(-1, 2, 2)
    curve = []
    for threshold, table in zip(LEVELS[::STEP].tolist(), tables, strict=True):
        rates, kappa = class_rates(table)[1], overall_rates(table).kappa
        curve.append(AtThreshold(threshold, rates.precision, rates.recall, rates.iou, rates.f1, kappa))
    # The sum of (R_n - R_n-1) P_n over all levels; where nothing is predicted, recall does not rise either.
    precision = hits / np.maximum(hits + alarms, 1)
    bins = _reliability(counts)
    pixels = int(positives + negatives)
    apart = math.fsum(bin_.pixels * abs(bin_.observed - bin_.confidence) for bin_ in bins if bin_.pixels)
    return ThresholdSweep(
        class_name=class_name,
        curve=tuple(curve),
        average_precision=float((counts[1] * precision).sum() / positives) if positives else math.nan,
        ece=apart / pixels if pixels else math.nan,
        reliability=bins,
    )


def as_json(sweep: ThresholdSweep) -> dict[str, Any]:
    """Return the sweep as plain lists and numbers, None for what is undefined."""
    bests = {metric.key: sweep.best(metric.key) for metric in CRITERIA}
    return {
        'class': sweep.class_name,
        'thresholds': [at.threshold for at in sweep.curve],
        **{metric.key: [_none(getattr(at, metric.key)) for at in sweep.curve] for metric in CURVE},
        'average_precision': _none(sweep.average_precision),
        'ece': _none(sweep.ece),
        'reliability': [{key: _none(value) for key, value in bin_._asdict().items()} for bin_ in sweep.reliability],
        'best': {
            key: None if at is None else {'threshold': at.threshold, 'value': getattr(at, key)}
            for key, at in bests.items()
        },
    }


def _reliability(counts: ThresholdCounts) -> tuple[ReliabilityBin, ...]:
    width = INTERVALS // RELIABILITY_BINS
    # The last level holds the pixels with p = 1, which belong to the last bin.
    starts = np.arange(RELIABILITY_BINS) * width
    negatives, positives, summed = np.add.reduceat(counts, starts, axis=1)
    return tuple(
        ReliabilityBin(
            low=float(LEVELS[start]),
            high=float(LEVELS[start + width]),
            confidence=total * UNIT / pixels if pixels else math.nan,
            observed=hits / pixels if pixels else math.nan,
            pixels=pixels,
        )
        for start, hits, pixels, total in zip(
            starts, positives.tolist(), (positives + negatives).tolist(), summed.tolist(), strict=True
        )
    )


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
