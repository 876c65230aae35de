"""Confusion counts of label maps and the rates that follow from them, exact at any size.

Counts are integers, int64 (C, C): rows are the reference, columns the prediction. Everything is counted over all
pixels of all images together, never averaged over images. Rates are percent, 0..100, except kappa. With TP, FP and FN
the pixels of one class that are hit, wrongly predicted and missed:

- Precision = TP / (TP + FP), undefined for a class that is never predicted;
- Recall = TP / (TP + FN), undefined for a class without reference pixels;
- IoU = TP / (TP + FP + FN) and F1 = 2 TP / (2 TP + FP + FN), undefined only for an absent class: one with neither
  reference nor predicted pixels. A class that is never predicted but is there has IoU 0 and F1 0, which count.

Undefined numbers are nan.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError

IndexMap = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]


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
    """The rates over all classes, percent except kappa (nan where undefined), and the pixels behind them.

    Attributes:
        oa: overall accuracy, the share of pixels whose class is right.
        miou: mean IoU over the classes that are not absent.
        macc: mean recall over the classes with reference pixels.
        mdice: mean F1 over the classes that are not absent.
        kappa: Cohen's coefficient, -1..1: agreement beyond chance; undefined where chance alone agrees everywhere.
        pixels: pixels that were counted.
    """

    oa: float
    miou: float
    macc: float
    mdice: float
    kappa: float
    pixels: int


def confusion_counts(prediction: IndexMap, label: IndexMap, *, num_classes: int, ignore_index: int = 255) -> Counts:
    """Count how often each class of the reference was predicted as each class.

    Args:
        prediction: predicted class of every pixel, integer (H, W), values 0..C-1; on ignored pixels also the ignored
            index.
        label: reference class of every pixel, integer (H, W), values 0..C-1 or the ignored index.
        num_classes: C, the number of classes, 1..255.
        ignore_index: label value of the pixels that do not count, C..255.

    Returns:
        Pixel counts, int64 (C, C); rows are the reference, columns the prediction.

    Raises:
        ConfigError: too many classes, or the ignored index is one of them.
        DataError: the two maps differ in shape.
        LabelError: a value is no class; names the value and its position.
    """
    if not 0 < num_classes <= ignore_index <= 255:
        raise ConfigError(
            f'num_classes={num_classes} with ignore_index={ignore_index} cannot be counted: classes must be 1 to 255, '
            'and the ignored index must lie above them and at most at 255'
        )
    if prediction.shape != label.shape:
        raise DataError(
            f'prediction of shape {prediction.shape} but label of shape {label.shape}: both must have the same '
            '(height, width); do not resize the label in the test pipeline'
        )
    label_bytes, predicted_bytes = _as_bytes(label, name='label'), _as_bytes(prediction, name='prediction')
    # Two bytes make one 16-bit code: a single integer bincount, without masks, many times faster than histc.
    codes = (label_bytes.astype(np.uint16) << 8) | predicted_bytes
    table = np.bincount(codes.ravel(), minlength=1 << 16).reshape(256, 256).astype(np.int64)
    table[ignore_index, [*range(num_classes), ignore_index]] = 0
    counts: Counts = table[:num_classes, :num_classes].copy()
    if counts.sum() != table.sum():
        raise _stray_value(predicted_bytes, label_bytes, num_classes=num_classes, ignore_index=ignore_index)
    return counts


def class_rates(counts: Counts) -> tuple[ClassRates, ...]:
    """Return the rates of every class, in the order of the counts.

    Args:
        counts: pixel counts, int64 (C, C); rows are the reference, columns the prediction.
    """
    rows, columns = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    return tuple(
        ClassRates(
            precision=_percent(hits, predicted),
            recall=_percent(hits, support),
            iou=_percent(hits, support + predicted - hits),
            f1=_percent(2 * hits, support + predicted),
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
    return OverallRates(
        oa=_percent(hits, pixels),
        miou=_mean(rates.iou for rates in classes),
        macc=_mean(rates.recall for rates in classes),
        mdice=_mean(rates.f1 for rates in classes),
        kappa=(hits * pixels - chance) / (pixels**2 - chance) if pixels**2 != chance else math.nan,
        pixels=pixels,
    )


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else math.nan


def _mean(values: Iterable[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _as_bytes(values: IndexMap, *, name: str) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    if values.dtype.kind not in 'iu':
        raise LabelError(f'{name} of type {values.dtype}: class indices must be integers')
    outside = (values < 0) | (values > 255)
    if outside.any():
        raise _value_error(name, values, outside, allowed='values are 0..255')
    return values.astype(np.uint8)


def _stray_value(prediction: IndexMap, label: IndexMap, *, num_classes: int, ignore_index: int) -> LabelError:
    """Return the error for the first value that is no class; the label is looked at first."""
    allowed = f'classes are 0..{num_classes - 1}, ignored is {ignore_index}'
    ignored = label == ignore_index
    stray = (label >= num_classes) & ~ignored
    if stray.any():
        return _value_error('label', label, stray, allowed=f'{allowed}; fix the file or declare its label_format')
    stray = (prediction >= num_classes) & ~(ignored & (prediction == ignore_index))
    return _value_error('prediction', prediction, stray, allowed=f'{allowed}; the head must predict these classes')


def _value_error(name: str, values: IndexMap, wrong: npt.NDArray[np.bool_], *, allowed: str) -> LabelError:
    position = tuple(np.argwhere(wrong)[0].tolist())
    return LabelError(
        f'{name} value {int(values[position])} at (row, column) {position} is no class '
        f'({int(wrong.sum())} such pixels of {values.size}): {allowed}'
    )
