"""Figures of one of two classes at every threshold on its probability, and how far that probability can be believed.

With ``p >= threshold`` as the decision, precision, recall, F1 and IoU (percent) are those of the class, kappa (-1..1)
that of both, by the rules of :mod:`~mmseg_aux_hrnet.evaluation.rates`. Undefined numbers are nan.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.evaluation.threshold_counts import INTERVALS, LEVELS, UNIT, ThresholdCounts

STEP = INTERVALS // 1000  # figures are given at whole thousandths
RELIABILITY_BINS = 20

Figure = Literal['iou', 'f1', 'kappa']
FIGURES: tuple[Figure, ...] = get_args(Figure)


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

    def best(self, figure: Figure) -> AtThreshold | None:
        """Return where a figure is highest within 0 < threshold < 1; among equals the threshold nearest to 0.5.

        None where the figure is undefined at every threshold; of two equally near to 0.5 the lower.
        """
        inner = [at for at in self.curve[1:-1] if not math.isnan(getattr(at, figure))]
        # in whole thousandths: the distances in floating point would tell apart what is equally near
        return max(inner, key=lambda at: (getattr(at, figure), -abs(round(1000 * at.threshold) - 500)), default=None)

    def at(self, threshold: float) -> AtThreshold:
        """Return the figures at the thousandth nearest to ``threshold``."""
        return self.curve[round(1000 * threshold)]


def threshold_sweep(counts: ThresholdCounts, *, class_name: str) -> ThresholdSweep:
    """Return the figures at every threshold from the counts of all images together."""
    reliability = _reliability(counts)
    return ThresholdSweep(
        class_name=class_name,
        curve=_curve(counts),
        average_precision=_average_precision(counts),
        ece=_expected_calibration_error(reliability),
        reliability=reliability,
    )


def as_json(sweep: ThresholdSweep) -> dict[str, Any]:
    """Return the sweep as plain lists and numbers, None for what is undefined."""
    bests = {figure: sweep.best(figure) for figure in FIGURES}
    columns = {name: [_none(getattr(at, name)) for at in sweep.curve] for name in AtThreshold._fields}
    return {
        'class': sweep.class_name,
        'thresholds': columns.pop('threshold'),
        **columns,
        'average_precision': _none(sweep.average_precision),
        'ece': _none(sweep.ece),
        'reliability': [{key: _none(value) for key, value in bin_._asdict().items()} for bin_ in sweep.reliability],
        'best': {
            figure: None if at is None else {'threshold': at.threshold, 'value': getattr(at, figure)}
            for figure, at in bests.items()
        },
    }


def _curve(counts: ThresholdCounts) -> tuple[AtThreshold, ...]:
    true_positives, false_positives = (_from_level_up(part)[::STEP] for part in (counts.positives, counts.negatives))
    positives, negatives = true_positives[0], false_positives[0]  # every pixel reaches level 0
    tables = np.stack(
        [negatives - false_positives, false_positives, positives - true_positives, true_positives], axis=1
    ).reshape(-1, 2, 2)
    return tuple(_at(float(t), table) for t, table in zip(LEVELS[::STEP], tables, strict=True))


def _at(threshold: float, table: np.ndarray[Any, np.dtype[np.int64]]) -> AtThreshold:
    rates = class_rates(table)[1]
    kappa = overall_rates(table).kappa
    return AtThreshold(threshold, rates.precision, rates.recall, rates.iou, rates.f1, kappa)


def _from_level_up(part: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return part[::-1].cumsum()[::-1]


def _average_precision(counts: ThresholdCounts) -> float:
    """Return the sum of (R_n - R_n-1) P_n over all levels, from the highest down."""
    positives = counts.positives.sum()
    if not positives:
        return math.nan
    reached, predicted = _from_level_up(counts.positives), _from_level_up(counts.positives + counts.negatives)
    precision = reached / np.maximum(predicted, 1)  # where nothing is predicted, recall does not rise either
    return float((counts.positives * precision).sum() / positives)


def _reliability(counts: ThresholdCounts) -> tuple[ReliabilityBin, ...]:
    width = INTERVALS // RELIABILITY_BINS
    # The last level holds the pixels with p = 1, which belong to the last bin.
    starts = np.arange(RELIABILITY_BINS) * width
    positives, negatives, summed = (
        np.add.reduceat(part, starts) for part in (counts.positives, counts.negatives, counts.summed)
    )
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


def _expected_calibration_error(reliability: tuple[ReliabilityBin, ...]) -> float:
    filled = [bin_ for bin_ in reliability if bin_.pixels]
    pixels = sum(bin_.pixels for bin_ in filled)
    return (
        math.fsum(bin_.pixels * abs(bin_.observed - bin_.confidence) for bin_ in filled) / pixels
        if pixels
        else math.nan
    )


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
