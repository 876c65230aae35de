"""What is counted in one image, from which every figure of a run follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmseg_aux_hrnet.evaluation.boundary import BoundaryCounts, boundary_counts
from mmseg_aux_hrnet.evaluation.confusion import Counts, IndexMap, confusion_counts


@dataclass(frozen=True)  # no NamedTuple: mmengine turns those into plain tuples on the way to the metric
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


class MapPair(NamedTuple):
    """Two maps of one image, integer (H, W), and the files they are from."""

    prediction: IndexMap
    label: IndexMap
    image: str
    label_path: str | None


def count_image(pair: MapPair, *, num_classes: int, ignore_index: int, tolerance: float | None) -> ImageResult:
    """Count the pixels of one image, and its contours where there is a tolerance (pixels).

    Raises:
        ConfigError, DataError, LabelError: see :func:`~mmseg_aux_hrnet.evaluation.confusion.confusion_counts`.
    """
    rule = {'num_classes': num_classes, 'ignore_index': ignore_index}
    counts = confusion_counts(pair.prediction, pair.label, **rule)
    boundary = None
    if tolerance is not None:
        boundary = boundary_counts(pair.prediction, pair.label, tolerance=tolerance, **rule)
    return ImageResult(pair.image, pair.label_path, counts, boundary)


def summed_counts(images: Sequence[ImageResult], *, num_classes: int) -> Counts:
    """Return the counts of all images together, int64 (C, C)."""
    total = np.zeros((num_classes, num_classes), np.int64)
    for image in images:
        total += image.counts
    return total


def summed_boundary(images: Sequence[ImageResult]) -> BoundaryCounts | None:
    """Return the contour counts of all images together, int64 (C, 6); None where one has none."""
    counted = [image.boundary for image in images if image.boundary is not None]
    if not counted or len(counted) < len(images):
        return None
    return np.asarray(np.sum(counted, axis=0), np.int64)
