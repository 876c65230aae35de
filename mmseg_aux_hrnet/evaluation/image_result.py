"""The counts of one image; all figures of a run follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmseg_aux_hrnet.errors import DataError, LabelError, counted
from mmseg_aux_hrnet.evaluation.boundary import BoundaryCounts, boundary_counts
from mmseg_aux_hrnet.evaluation.confusion import (
    MASKED_CLASSES,
    Counts,
    IndexMap,
    as_bytes,
    check_countable,
    confusion_counts,
)

# Image, label (None where it has none) and tally of an image whose counts are still on their device.
PendingCount = tuple[str, str | None, Tensor]


@dataclass(frozen=True)  # not a NamedTuple: mmengine turns those into plain tuples on the way to the metric
class ImageResult:
    """The counts of one image.

    Attributes:
        image: path of the image, or of the predicted map where the image is not known.
        label: path of the label, None where it has none.
        counts: pixels, int64 (C, C); rows are the reference, columns the prediction.
        boundary: see :func:`~mmseg_aux_hrnet.evaluation.boundary.boundary_counts`; None where not asked for.
    """

    image: str
    label: str | None
    counts: Counts
    boundary: BoundaryCounts | None

    @property
    def source(self) -> str:
        """The file to name in a message."""
        return self.label or self.image


def count_image(
    prediction: IndexMap,
    label: IndexMap,
    *,
    image: str,
    label_path: str | None,
    num_classes: int,
    ignore_index: int,
    tolerance: float | None,
) -> ImageResult:
    """Count the pixels of one image, and its contours where there is a tolerance.

    Args:
        prediction: predicted class of every pixel, integer (H, W).
        label: reference class of every pixel or the ignored index, integer (H, W).
        image: path of the image, or of the predicted map where the image is not known.
        label_path: path of the label, None where it has none.
        num_classes: C.
        ignore_index: label value of the pixels that do not count.
        tolerance: of contours, pixels; None where they are not counted.

    Raises:
        ConfigError, DataError, LabelError: see :func:`~mmseg_aux_hrnet.evaluation.confusion.confusion_counts`.
    """
    rule = {'num_classes': num_classes, 'ignore_index': ignore_index}
    if prediction.dtype.kind == label.dtype.kind == 'i':  # once for both counts, and bytes are read many times faster
        small = as_bytes(prediction), as_bytes(label)
        prediction, label = (prediction if small[0] is None else small[0], label if small[1] is None else small[1])
    counts = confusion_counts(prediction, label, **rule)
    boundary = None if tolerance is None else boundary_counts(prediction, label, tolerance=tolerance, **rule)
    return ImageResult(image, label_path, counts, boundary)


def summed_counts(images: Sequence[ImageResult], *, num_classes: int) -> Counts:
    """Return the counts of all images together, int64 (C, C)."""
    total = np.zeros((num_classes, num_classes), np.int64)  # np.sum of no images would be the number 0
    for image in images:
        total += image.counts
    return total


def plane(data: Tensor, *, name: str) -> Tensor:
    """Return the map of one image, (H, W), out of (1, H, W) or (H, W).

    Raises:
        DataError: the tensor is not a map of one image.
    """
    values = data[0] if data.ndim == 3 and data.shape[0] == 1 else data
    if values.ndim != 2:
        raise DataError(
            f'{name} of shape {tuple(data.shape)}: it must be (1, height, width), one class index per pixel'
        )
    return values


def index_map(data: Tensor, *, name: str) -> npt.NDArray[np.integer[Any]]:
    """Return class indices as an integer array (H, W).

    Args:
        data: class indices, (1, H, W) or (H, W), on any device; whole numbers of any type, because one-channel heads
            give theirs as floats.
        name: what the tensor is, for the message.

    Raises:
        DataError: the tensor is not a map of one image.
        LabelError: a value is not a whole number.
    """
    values = plane(data, name=name)
    if values.is_floating_point():
        # Written so that nan is found too.
        broken = ~(values == values.round())
        if bool(broken.any()):
            row, column = broken.nonzero()[0].tolist()
            raise LabelError(
                f'{name} value {float(values[row, column])} at (row, column) {(row, column)} is not a class index: '
                'it must be a whole number'
            )
        values = values.long()
    indices: npt.NDArray[Any] = values.detach().cpu().numpy()
    # A head with a threshold may give booleans, which numpy does not count among the integers.
    return indices.astype(np.uint8) if indices.dtype == np.bool_ else indices


def tally(prediction: Tensor, label: Tensor, *, num_classes: int, ignore_index: int) -> Tensor:
    """Count as :func:`~mmseg_aux_hrnet.evaluation.confusion.confusion_counts` does, without reading anything.

    Args:
        prediction: class of every pixel, (H, W), of any type and device; on ignored pixels also the ignored index.
        label: reference class or the ignored index, (H, W), on the same device.
        num_classes: C.
        ignore_index: label value of the pixels that do not count, C..255.

    Returns:
        int64 (C * C + 1,), on that device: pixels by reference and predicted class, then those of other values.

    Raises:
        ConfigError: too many classes, or the ignored index is one of them.
        DataError: the two differ in shape.
    """
    check_countable(prediction.shape, label.shape, num_classes=num_classes, ignore_index=ignore_index)
    predicted, reference = prediction.long(), label.long()
    # One-channel heads give floats, and only whole numbers are classes; nan is not whole either.
    whole, stated = prediction == predicted, label == reference
    is_class = whole & (predicted >= 0) & (predicted < num_classes)
    counted = is_class & stated & (reference >= 0) & (reference < num_classes)
    left_out = stated & (reference == ignore_index) & (is_class | (whole & (predicted == ignore_index)))
    codes = torch.where(counted, reference * num_classes + predicted, num_classes**2)
    if num_classes <= MASKED_CLASSES:
        counts = torch.stack([(codes == code).sum() for code in range(num_classes**2)])
    else:
        # Not bincount: on a GPU it reads the largest value first, which waits for all work before it.
        flat = codes.flatten()
        counts = torch.zeros(num_classes**2 + 1, dtype=torch.int64, device=codes.device)
        counts = counts.scatter_add_(0, flat, torch.ones_like(flat))[:-1]
    stray = codes.numel() - counts.sum() - left_out.sum()
    return torch.cat([counts, stray[None]])


def read(results: Sequence[PendingCount | ImageResult], *, num_classes: int) -> list[ImageResult]:
    """Return the counts of all images, with one copy from the device.

    Raises:
        LabelError: an image has values that are not classes; names it.
    """
    pending = [place for place, result in enumerate(results) if not isinstance(result, ImageResult)]
    images: list[Any] = list(results)
    rows = torch.stack([images[place][2] for place in pending]).cpu().numpy() if pending else np.empty((0, 1), np.int64)
    for place, row in zip(pending, rows, strict=True):
        image, label, _ = images[place]
        *counts, stray = row.tolist()
        if stray:
            raise LabelError(
                f'{label or image}: {counted(stray, "pixel")} of its label or prediction of no class: classes are '
                f'0..{num_classes - 1}; tools/check_dataset.py shows what is wrong with a label'
            )
        images[place] = ImageResult(image, label, np.array(counts, np.int64).reshape(num_classes, -1), None)
    return images
