"""Which changes are too narrow or too small to be believed."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.maps.change.pairing import Codes, MapPair
from mmseg_aux_hrnet.maps.ground import Ground

Mask = NDArray[np.bool_]
OnStrip = Callable[[int, int], None]


def changed(codes: Codes, *, classes: int) -> Mask:
    """Return where a pixel became of another class, bool of the same shape.

    Args:
        codes: of transitions among that many classes; higher ones are no data.
        classes: how many there are.
    """
    return np.asarray((codes < classes**2) & (codes % (classes + 1) != 0))


def wide_enough(codes: Codes, *, side: int, classes: int) -> Mask:
    """Return the changes that are at least as wide as a square, bool of the shape without ``side - 1`` at each border.

    A pixel is where some square of ``side`` pixels that holds it has one and the same change all over: a morphological
    opening of each kind of change.

    Args:
        codes: with ``side - 1`` pixels more at each border, (H, W).
        side: of the square, in pixels.
        classes: how many there are.
    """
    around = side - 1
    inner = np.s_[around : codes.shape[0] - around, around : codes.shape[1] - around]
    if side == 1:
        return changed(codes, classes=classes)
    square = np.ones((side, side), np.uint8)
    # The lowest and the highest code of the square whose upper left corner is a pixel; beyond the border lies nothing.
    highest_code, border = int(np.iinfo(np.uint16).max), cv2.BORDER_CONSTANT
    lowest = cv2.erode(codes, square, anchor=(0, 0), borderType=border, borderValue=0)
    highest = cv2.dilate(codes, square, anchor=(0, 0), borderType=border, borderValue=highest_code)
    whole = ((lowest == highest) & changed(codes, classes=classes)).astype(np.uint8)
    held = cv2.dilate(whole, square, anchor=(around, around), borderType=border, borderValue=0)
    return np.asarray(held[inner] > 0)


class Patches:
    """The connected patches of each kind of change that are wide enough, over all strips of a map.

    Pixels are connected along their sides. Only numbers and areas of patches are kept, not the map.

    Args:
        pair: the maps.
        ground: of the first.
        side: least width of a change, in pixels.
        min_area: of a patch, square metres.
        on_strip: called with the number of strips done and their total.
    """

    def __init__(self, pair: MapPair, ground: Ground, *, side: int, min_area: float, on_strip: OnStrip) -> None:
        self._classes, self._side, self._pair = len(pair.legend.names), side, pair
        self._parents: list[int] = []
        self._firsts: dict[int, int] = {}  # by the top of a strip, the number of its first patch
        areas: list[NDArray[np.float64]] = []
        last: tuple[Codes, NDArray[np.int64]] | None = None
        strips = pair.strips()
        for done, window in enumerate(strips):
            on_strip(done, len(strips))
            codes, kept = self._kept(window)
            labels, count = self._label(codes, kept)
            self._firsts[window.row_off] = first = len(self._parents)
            self._parents += range(first, first + count)
            weights = ground.pixel_areas(window)
            by_label = np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count + 1)
            areas.append(np.asarray(by_label[1:], np.float64))
            numbers = np.where(labels > 0, labels + (first - 1), -1)
            if last is not None:
                self._join(last, (codes[0], numbers[0]))
            last = codes[-1], numbers[-1]
        roots = np.array([self._root(number) for number in range(len(self._parents))], np.int64)
        totals = np.zeros(len(roots))
        np.add.at(totals, roots, np.concatenate(areas))
        # Sums of many equal areas may miss the bound that they are to meet by rounding.
        self._small = totals[roots] < min_area * (1 - 1e-9)

    def small(self, window: Window) -> Mask:
        """Return the changes of a strip that are wide enough, but in a patch that is too small, bool (height, width).

        Args:
            window: one of the strips of the pair.
        """
        labels, count = self._label(*self._kept(window))
        first = self._firsts[window.row_off]
        table = np.concatenate([[False], self._small[first : first + count]])
        return np.asarray(table[labels])

    def _kept(self, window: Window) -> tuple[Codes, Mask]:
        around = self._side - 1
        codes = self._pair.read(window, around=around)
        kept = wide_enough(codes, side=self._side, classes=self._classes)
        return codes[around : codes.shape[0] - around, around : codes.shape[1] - around], kept

    def _label(self, codes: Codes, kept: Mask) -> tuple[NDArray[np.int64], int]:
        """Return the number of the patch of each pixel in its strip, from 1, 0 for none, and how many there are."""
        labels, count = np.zeros(codes.shape, np.int64), 0
        for code in np.unique(codes[kept]):
            found, of_kind = cv2.connectedComponents(((codes == code) & kept).astype(np.uint8), connectivity=4)[::-1]
            labels[found > 0] = found[found > 0] + count
            count += of_kind - 1  # OpenCV counts the background too
        return labels, count

    def _join(self, above: tuple[Codes, NDArray[np.int64]], below: tuple[Codes, NDArray[np.int64]]) -> None:
        """Join the patches of two rows that lie above each other."""
        meet = (above[1] >= 0) & (below[1] >= 0) & (above[0] == below[0])
        for one, other in np.unique(np.stack([above[1][meet], below[1][meet]], axis=1), axis=0).tolist():
            first, second = sorted((self._root(one), self._root(other)))
            self._parents[second] = first

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]  # shorter for the next one who asks
            number = self._parents[number]
        return number
