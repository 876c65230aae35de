"""Rates that follow from confusion counts.

Counts are integers, int64 (C, C): rows are the reference, columns the prediction, summed over all pixels of all images;
nothing is averaged over images. Rates are percent, 0..100, except kappa and MCC. With TP, FP and FN the pixels of one
class that are hit, wrongly predicted and missed:

- Precision = TP / (TP + FP), undefined for a class that is never predicted;
- Recall = TP / (TP + FN), undefined for a class without reference pixels;
- IoU = TP / (TP + FP + FN) and F1 = 2 TP / (2 TP + FP + FN), undefined only for an absent class: one with neither
  reference nor predicted pixels. A class that is never predicted but is there has IoU 0 and F1 0, which count.

Undefined numbers are nan.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmseg_aux_hrnet.evaluation.confusion import Counts
from mmseg_aux_hrnet.evaluation.metrics import F1, IOU, OVERALL_METRICS, PRECISION, RECALL


@dataclass(frozen=True)
class ClassRates:
    """The rates of one class, percent (nan where undefined), and its pixels.

    Attributes:
        precision: share of the predicted pixels that are right.
        recall: share of the reference pixels that are found.
        iou: intersection over union.
        f1: harmonic mean of precision and recall, the same as Dice.
        support: reference pixels.
        predicted: predicted pixels.
    """

    precision: float
    recall: float
    iou: float
    f1: float
    support: int
    predicted: int

    @property
    def absent(self) -> bool:
        """Whether the class has neither reference nor predicted pixels."""
        return self.support == 0 and self.predicted == 0


@dataclass(frozen=True)
class OverallRates:
    """The rates over all classes, percent except kappa and MCC (nan where undefined), and the pixels behind them.

    Attributes:
        oa: overall accuracy, the share of pixels whose class is right.
        miou: mean IoU over the classes that are not absent.
        macc: mean recall over the classes with reference pixels; the same as balanced accuracy.
        mdice: mean F1 over the classes that are not absent.
        fwiou: mean IoU over the classes with reference pixels, weighted by these.
        kappa: Cohen's coefficient, -1..1: agreement beyond chance; undefined where chance alone agrees everywhere.
        mcc: Matthews' correlation coefficient, -1..1, for any number of classes (Gorodkin 2004,
            doi 10.1016/j.compbiolchem.2004.09.006); undefined where all pixels belong to one class or
            are predicted as one.
        pixels: pixels that were counted.
    """

    oa: float
    miou: float
    macc: float
    mdice: float
    fwiou: float
    kappa: float
    mcc: float
    pixels: int

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall under the name that scikit-learn gives it."""
        return self.macc


def class_rates(counts: Counts) -> tuple[ClassRates, ...]:
    """Return the rates of every class, in the order of the counts.

    Args:
        counts: pixel counts, int64 (C, C); rows are the reference, columns the prediction.
    """
    rows, columns = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    return tuple(
        ClassRates(
            precision=percent(hits, predicted),
            recall=percent(hits, support),
            iou=percent(hits, support + predicted - hits),
            f1=percent(2 * hits, support + predicted),
            support=support,
            predicted=predicted,
        )
        for hits, support, predicted in zip(counts.diagonal().tolist(), rows, columns, strict=True)
    )


def overall_rates(counts: Counts) -> OverallRates:
    """Return the rates over all classes; all nan where nothing was counted.

    Args:
        counts: pixel counts, int64 (C, C); rows are the reference, columns the prediction.
    """
    classes = class_rates(counts)
    hits, pixels = int(counts.trace()), int(counts.sum())
    # In Python integers, because the products of pixel counts outgrow 64 bits.
    chance = sum(rates.support * rates.predicted for rates in classes)
    spread = (pixels**2 - sum(rates.support**2 for rates in classes)) * (
        pixels**2 - sum(rates.predicted**2 for rates in classes)
    )
    # The IoU of a class without reference pixels may be nan, which not even a weight of 0 takes out of a sum.
    weighted = math.fsum(rates.support * rates.iou for rates in classes if rates.support)
    return OverallRates(
        oa=percent(hits, pixels),
        miou=_mean(rates.iou for rates in classes),
        macc=_mean(rates.recall for rates in classes),
        mdice=_mean(rates.f1 for rates in classes),
        fwiou=weighted / pixels if pixels else math.nan,
        kappa=(hits * pixels - chance) / (pixels**2 - chance) if pixels**2 != chance else math.nan,
        mcc=(hits * pixels - chance) / math.sqrt(spread) if spread else math.nan,
        pixels=pixels,
    )


def rates_by_key(counts: Counts, names: Sequence[str]) -> dict[str, float]:
    """Return every rate under one flat key: ``OA``, ``mIoU`` and so on, and ``IoU.<name>`` for each class.

    Args:
        counts: pixel counts, int64 (C, C); rows are the reference, columns the prediction.
        names: the C class names.
    """
    overall = overall_rates(counts)
    rates: dict[str, float] = {metric.title: getattr(overall, metric.key) for metric in OVERALL_METRICS}
    for name, of_class in zip(names, class_rates(counts), strict=True):
        # This order, too, is that of the history in checkpoints.
        rates |= {f'{metric.title}.{name}': getattr(of_class, metric.key) for metric in (IOU, PRECISION, RECALL, F1)}
    return rates


def percent(part: int, whole: int) -> float:
    """Return a share in percent, nan where there is nothing to share."""
    return 100 * part / whole if whole else math.nan


def _mean(values: Iterable[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan
