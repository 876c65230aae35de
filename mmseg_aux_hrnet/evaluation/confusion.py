"""Confusion counts of label maps, exact at any size.

Counts are integers, int64 (C, C): rows are the reference, columns the prediction. What follows from them is in
:mod:`~mmseg_aux_hrnet.evaluation.rates`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError

IndexMap = npt.NDArray[np.integer[Any]]
Counts = npt.NDArray[np.int64]
# Up to here a mask per class is faster than a code per pixel: a mask costs a pass over bytes, a code one over 64 bits.
MASKED_CLASSES = 3
# Pixels that are looked at together: few enough to stay in the cache of a core, enough to make a table worth it.
CHUNK, LONG_CHUNK = 1 << 17, 1 << 20


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
        LabelError: a value is not a class; names the value and its position.
    """
    check_countable(prediction.shape, label.shape, num_classes=num_classes, ignore_index=ignore_index)
    for name, values in (('label', label), ('prediction', prediction)):
        if values.dtype.kind not in 'iu':
            raise LabelError(f'{name} of type {values.dtype}: class indices must be integers')
    by_masks = num_classes <= MASKED_CLASSES
    count, length = (_count_by_masks, CHUNK) if by_masks else (_count_by_codes, LONG_CHUNK)
    labels, predictions = label.ravel(), prediction.ravel()
    counts, known = np.zeros((num_classes, num_classes), np.int64), 0
    for start in range(0, label.size, length):
        reference, predicted = (as_bytes(values[start : start + length]) for values in (labels, predictions))
        if reference is None or predicted is None:
            break
        part, known_part = count(predicted, reference, num_classes=num_classes, ignore_index=ignore_index)
        counts += part
        known += known_part
    if known != label.size:
        raise _stray_value(prediction, label, num_classes=num_classes, ignore_index=ignore_index)
    return counts


def check_countable(prediction: Sequence[int], label: Sequence[int], *, num_classes: int, ignore_index: int) -> None:
    """Raise ConfigError unless these classes can be counted, DataError unless the shapes of both maps are the same."""
    if not 0 < num_classes <= ignore_index <= 255:
        raise ConfigError(
            f'num_classes={num_classes} with ignore_index={ignore_index} cannot be counted: classes must be 1 to 255, '
            'and the ignored index must lie above them and at most at 255'
        )
    if tuple(prediction) != tuple(label):
        raise DataError(
            f'prediction of shape {tuple(prediction)} but label of shape {tuple(label)}: both must have the same '
            '(height, width); do not resize the label in the test pipeline'
        )


def as_bytes(values: IndexMap) -> npt.NDArray[np.uint8] | None:
    """Return the values as bytes, None where one does not fit."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    # A negative value read as unsigned is a huge one, so that one look finds both kinds.
    unsigned = values.view(values.dtype.str.replace('i', 'u'))
    return values.astype(np.uint8) if int(unsigned.max(initial=0)) <= 255 else None


def _count_by_masks(
    prediction: npt.NDArray[np.uint8], label: npt.NDArray[np.uint8], *, num_classes: int, ignore_index: int
) -> tuple[Counts, int]:
    """Return the counts, and how many pixels are what they may be, ignored ones included."""
    predicted = [prediction == index for index in range(num_classes)]
    referred = [label == index for index in range(num_classes)]
    counts = np.array([[np.count_nonzero(row & column) for column in predicted] for row in referred], np.int64)
    known = int(counts.sum())
    if known == label.size:  # no ignored pixel and no stray value: the passes below would find nothing
        return counts, known
    ignored = label == ignore_index
    if sum(map(np.count_nonzero, predicted)) == label.size:  # as nearly always: no need to look where
        return counts, known + np.count_nonzero(ignored)
    allowed = (*predicted, prediction == ignore_index)
    return counts, known + sum(np.count_nonzero(ignored & mask) for mask in allowed)


def _count_by_codes(
    prediction: npt.NDArray[np.uint8], label: npt.NDArray[np.uint8], *, num_classes: int, ignore_index: int
) -> tuple[Counts, int]:
    """Return the same as :func:`_count_by_masks`: two bytes make one 16-bit code, and one bincount counts the codes."""
    codes = (label.astype(np.uint16) << 8) | prediction
    table = np.bincount(codes, minlength=1 << 16).reshape(256, 256).astype(np.int64)
    counts: Counts = table[:num_classes, :num_classes].copy()
    ignored = table[ignore_index, [*range(num_classes), ignore_index]]
    return counts, int(counts.sum() + ignored.sum())


def _stray_value(prediction: IndexMap, label: IndexMap, *, num_classes: int, ignore_index: int) -> LabelError:
    """Return the error for the first value that is not a class; the label is looked at first."""
    ignored = label == ignore_index
    advice = 'fix the file or declare its label_format'
    name, values, stray = 'label', label, ((label < 0) | (label >= num_classes)) & ~ignored
    if not stray.any():
        name, values, advice = 'prediction', prediction, 'the head must predict these classes'
        stray = ((prediction < 0) | (prediction >= num_classes)) & ~(ignored & (prediction == ignore_index))
    position = tuple(np.argwhere(stray)[0].tolist())
    return LabelError(
        f'{name} value {int(values[position])} at (row, column) {position} is not a class '
        f'({int(stray.sum())} such pixels of {values.size}): classes are 0..{num_classes - 1}, ignored is '
        f'{ignore_index}; {advice}'
    )
