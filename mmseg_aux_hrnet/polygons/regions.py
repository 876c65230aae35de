"""Labels the 4-connected regions of a strip: one region becomes one polygon."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.polygons.strips import REST, Values

Labels = NDArray[np.int32]
Floats = NDArray[np.float64]


class Regions(NamedTuple):
    """The regions of a strip; region i + 1 of the labels is item i of the rest.

    Attributes:
        labels: int32 (height, width), 0 where there is no region.
        values: the class of each, uint8 (regions,).
        pixels: how many each has, int64 (regions,).
        centres: (column, row) of each in the strip, float64 (regions, 2).
    """

    labels: Labels
    values: Values
    pixels: NDArray[np.int64]
    centres: Floats

    def without(self, dropped: NDArray[np.bool_]) -> 'Regions':
        """Return the regions that are not dropped, in their order."""
        numbers = np.concatenate([[0], np.where(dropped, 0, np.cumsum(~dropped))]).astype(np.int32)
        return Regions(numbers[self.labels], self.values[~dropped], self.pixels[~dropped], self.centres[~dropped])


def label_regions(values: Values) -> Regions:
    """Return the regions of every value but ``REST``.

    Args:
        values: uint8 (height, width).
    """
    labels = np.zeros(values.shape, np.int32)
    found: list[tuple[Values, NDArray[np.int64], Floats]] = []
    count = 0
    for value in np.flatnonzero(np.bincount(values.ravel(), minlength=REST + 1)[:REST]):
        mask = (values == value).astype(np.uint8)
        number, own, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=4)
        np.copyto(labels, own + np.int32(count), where=own > 0)
        found.append((np.full(number - 1, value, np.uint8), stats[1:, cv2.CC_STAT_AREA], centres[1:] + 0.5))
        count += number - 1
    if not found:
        return Regions(labels, np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros((0, 2)))
    kinds, pixels, places = (np.concatenate(column) for column in zip(*found, strict=True))
    return Regions(labels, kinds, pixels.astype(np.int64), places)


def label_rest(regions: Regions) -> Labels:
    """Return the labels with numbers for the 4-connected regions of what has none, int32 (height, width)."""
    _, rest = cv2.connectedComponents((regions.labels == 0).astype(np.uint8), connectivity=4)
    return np.asarray(np.where(rest > 0, rest + np.int32(len(regions.values)), regions.labels), np.int32)
