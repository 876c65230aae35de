"""The accuracy of outlines: boundary F1 and boundary IoU, from integer counts that add up over images.

A class pixel belongs to the contour of its class where one of its four neighbours is a valid pixel of another class.
The edges of the image and of ignored pixels are not a contour: a tile was cut there or a label left open, and both maps
would agree on it for free. (The public code of Cheng et al. counts the edge of the image.)

Both figures are taken from the sums over all images, as the other rates are, not averaged over images.
"""

import math
import re
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.confusion import IndexMap, as_bytes
from mmseg_aux_hrnet.evaluation.rates import percent

# Of one class: predicted contour, of it near the reference; reference contour, of it near the prediction;
# intersection and union of the boundary regions.
BoundaryCounts = npt.NDArray[np.int64]
COLUMNS = 6
Mask = npt.NDArray[np.uint8]
LARGEST_TOLERANCE = 1000  # pixels: the float32 distances tell neighbouring ones apart
LARGEST_DISC = 20  # pixels: beyond, distances of all pixels take less time than a dilation by a disc
CROSS: Mask = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
LENGTH = re.compile(r'(?P<length>\d+(\.\d*)?|\.\d+)\s*(?P<unit>px|m|)')


def boundary_counts(
    prediction: IndexMap, label: IndexMap, *, num_classes: int, tolerance: float, ignore_index: int = 255
) -> BoundaryCounts:
    """Count the contour pixels of every class that are near enough, and the pixels of the boundary regions.

    "Near" is a Euclidean distance of at most the tolerance. A boundary region is as in Cheng et al.'s code: the class
    pixels that vanish when the class is eroded by a square of 3 x 3 pixels as often as the tolerance has whole pixels.

    Args:
        prediction: class of every pixel, integer (H, W); what it says of ignored pixels is not looked at.
        label: reference class of every pixel, integer (H, W), values 0..C-1 or the ignored index.
        num_classes: C.
        tolerance: pixels, 1 to 1000.
        ignore_index: label value of the pixels that do not count.

    Returns:
        Counts, int64 (C, 6), to be added up over images and given to :func:`boundary_rates`.

    Raises:
        ConfigError: the tolerance is outside its range.
    """
    if not 1 <= tolerance <= LARGEST_TOLERANCE:
        raise ConfigError(f'boundary tolerance of {tolerance} pixels: give 1, the next pixel, to {LARGEST_TOLERANCE}')
    # As bytes where the values fit, because every look at them is then several times faster.
    small = [as_bytes(values) for values in (prediction, label)]
    prediction, label = (values if few is None else few for values, few in zip((prediction, label), small, strict=True))
    valid = label != ignore_index
    counts = np.zeros((num_classes, COLUMNS), np.int64)
    # Dilating the others once by the large square takes the same pixels as all those erosions.
    square = np.ones((2 * int(tolerance) + 1,) * 2, np.uint8)
    for index in range(num_classes):
        own = [valid & (values == index) for values in (prediction, label)]
        if not any(mask.any() for mask in own):
            continue
        maps = [mask.view(np.uint8) for mask in own]
        others = [(valid & ~mask).view(np.uint8) for mask in own]
        contours = [mask & _dilated(other, CROSS) for mask, other in zip(maps, others, strict=True)]
        regions = [mask & _dilated(other, square) for mask, other in zip(maps, others, strict=True)]
        near = [_around(contour, tolerance) for contour in contours]
        counted = (
            contours[0], contours[0] & near[1], contours[1], contours[1] & near[0],
            regions[0] & regions[1], regions[0] | regions[1],
        )  # fmt: skip
        counts[index] = [np.count_nonzero(mask) for mask in counted]
    return counts


def boundary_rates(counts: BoundaryCounts) -> list[tuple[float, float]]:
    """Return boundary F1 and boundary IoU of every class, percent; nan for a class without a contour in either map.

    F1 is the harmonic mean of the share of the predicted contour that lies within the tolerance of the reference
    contour, and the share of the reference contour that lies within it of the predicted one (Csurka et al. 2013, "What
    is a good evaluation measure for semantic segmentation?", doi 10.5244/C.27.32). IoU is that of the class pixels
    within the tolerance of their contour (Cheng et al. 2021, "Boundary IoU", arXiv 2103.16562). A contour in only one
    of the maps gives 0.

    Args:
        counts: of every class, int64 (C, 6), as :func:`boundary_counts` returns them, added up over images.
    """
    rates = []
    for predicted, predicted_near, reference, reference_near, shared, region in counts.tolist():
        if predicted and reference:
            precision, recall = percent(predicted_near, predicted), percent(reference_near, reference)
            f1 = 2 * precision * recall / (precision + recall) if predicted_near or reference_near else 0.0
        else:
            f1 = 0.0 if predicted or reference else math.nan
        rates.append((f1, percent(shared, region)))
    return rates


def _around(contour: Mask, radius: float) -> Mask:
    """Return 1 where a contour pixel is at most ``radius`` away, by whichever way is faster."""
    if radius <= LARGEST_DISC:
        reach = int(radius)
        rows, columns = np.ogrid[-reach : reach + 1, -reach : reach + 1]
        return _dilated(contour, np.asarray(rows**2 + columns**2 <= radius**2, np.uint8))
    if not contour.any():  # distanceTransform gives no distance where there is nothing to be near to
        return contour
    distance = cv2.distanceTransform(1 - contour, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= np.float32(radius), np.uint8)


def _dilated(mask: Mask, shape: Mask) -> Mask:
    # By default OpenCV takes what lies outside the image for empty, so that its edge is not a contour.
    return np.asarray(cv2.dilate(mask, shape), np.uint8)


@dataclass(frozen=True)
class Tolerance:
    """A distance between contours.

    Attributes:
        pixels: the distance in pixels, 1 to 1000.
        gsd: ground sampling distance, metres per pixel; None where unknown.
    """

    pixels: float
    gsd: float | None = None

    @property
    def metres(self) -> float | None:
        """The distance in metres, None without a ground sampling distance."""
        return None if self.gsd is None else self.pixels * self.gsd


def tolerance(text: str, *, gsd: float | None) -> Tolerance:
    """Return the tolerance that a command line gives.

    Args:
        text: pixels as ``2`` or ``2px``, metres as ``0.5m``.
        gsd: ground sampling distance, metres per pixel; None where unknown.

    Raises:
        ConfigError: the text is not a distance, it is outside its range, or metres are given and the ground sampling
            distance is unknown or no length.
    """
    if gsd is not None and not 0 < gsd < math.inf:
        raise ConfigError(f'--gsd {gsd}: give the metres that a pixel covers, above 0, such as 0.2')
    match = LENGTH.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f'--tolerance {text}: give pixels such as 2, or metres such as 0.5m')
    length = float(match['length'])
    if match['unit'] == 'm':
        if gsd is None:
            raise ConfigError(f'--tolerance {text} is in metres: give the size of a pixel in metres with --gsd')
        length /= gsd
    if not 1 <= length <= LARGEST_TOLERANCE:
        raise ConfigError(f'--tolerance {text} is {length:g} pixels: give 1, the next pixel, to {LARGEST_TOLERANCE}')
    return Tolerance(length, gsd)
