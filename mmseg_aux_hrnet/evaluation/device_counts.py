"""Confusion counts of maps that lie on a GPU: counted there and read once, so that no image waits for its counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmseg_aux_hrnet.errors import LabelError
from mmseg_aux_hrnet.evaluation.confusion import MASKED_CLASSES, check_rule, check_shapes
from mmseg_aux_hrnet.evaluation.image_result import ImageResult


@dataclass(frozen=True)
class PendingResult:
    """The counts of one image that are still on their device.

    Attributes:
        image: path of the image.
        label: path of the label, None where it has none.
        tally: see :func:`tally`.
    """

    image: str
    label: str | None
    tally: Tensor


def tally(prediction: Tensor, label: Tensor, *, num_classes: int, ignore_index: int) -> Tensor:
    """Count as :func:`~mmseg_aux_hrnet.evaluation.confusion.confusion_counts` does, without reading anything.

    Args:
        prediction: class of every pixel, (H, W), of any type and device; on ignored pixels also the ignored index.
        label: reference class or the ignored index, (H, W), on the same device.
        num_classes: C.
        ignore_index: label value of the pixels that do not count, C..255.

    Returns:
        int64 (C * C + 1,), on that device: pixels by reference and predicted class, then those of no allowed values.

    Raises:
        ConfigError: too many classes, or the ignored index is one of them.
        DataError: the two differ in shape.
    """
    check_rule(num_classes=num_classes, ignore_index=ignore_index)
    check_shapes(prediction.shape, label.shape)
    (predicted, whole), (reference, stated) = (_indices(values) for values in (prediction, label))
    is_class, ignored = (whole & _within(predicted, num_classes)), stated & (reference == ignore_index)
    counted = is_class & stated & _within(reference, num_classes)
    left_out = ignored & (is_class | (whole & (predicted == ignore_index)))
    codes = torch.where(counted, reference * num_classes + predicted, num_classes**2)
    counts = _by_masks(codes, num_classes) if num_classes <= MASKED_CLASSES else _by_adding(codes, num_classes)
    stray = codes.numel() - counts.sum() - left_out.sum()
    return torch.cat([counts, stray[None]])


def read(results: Sequence[PendingResult | ImageResult], *, num_classes: int) -> list[ImageResult]:
    """Return the counts of all images, with one copy from the device.

    Raises:
        LabelError: an image has values of no class.
    """
    pending = [result for result in results if isinstance(result, PendingResult)]
    tallies = torch.stack([result.tally for result in pending]).cpu().numpy() if pending else np.empty((0, 1), int)
    rows = iter(tallies)
    return [
        _result(result, next(rows), num_classes) if isinstance(result, PendingResult) else result for result in results
    ]


def _result(pending: PendingResult, row: np.ndarray, num_classes: int) -> ImageResult:
    *counts, stray = row.tolist()
    if stray:
        raise LabelError(
            f'{pending.label or pending.image}: {stray} pixels of its label or prediction are of no class: classes are '
            f'0..{num_classes - 1}; tools/check_dataset.py shows what is wrong with a label'
        )
    return ImageResult(pending.image, pending.label, np.array(counts, np.int64).reshape(num_classes, -1), None)


def _indices(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return class indices as int64, and where they are whole numbers: one-channel heads give floats."""
    indices = values.long()
    return indices, values == indices


def _within(indices: Tensor, num_classes: int) -> Tensor:
    return (indices >= 0) & (indices < num_classes)


def _by_masks(codes: Tensor, num_classes: int) -> Tensor:
    return torch.stack([(codes == code).sum() for code in range(num_classes**2)])


def _by_adding(codes: Tensor, num_classes: int) -> Tensor:
    flat = codes.flatten()
    counts = torch.zeros(num_classes**2 + 1, dtype=torch.int64, device=codes.device)
    return counts.scatter_add_(0, flat, torch.ones_like(flat))[:-1]
