"""The windows of a raster: where they lie, which rows are finished together, and how much a pixel counts in each."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The steps of convolutional networks down to their coarsest map are 2 x 2 x 2 x 2 x 2. Windows that start at multiples
# of it lay the network's own grid over the raster as one great image would; others shift it, and disagree more.
GRID = 32
STEEPNESS = 4  # power of the sine: of 0, 1, 2, 4 and 8 the one whose maps agreed best with undivided images
ROUNDING = 1e-9  # cells of the grid: far above the rounding of a division, far below a pixel


class Axis(NamedTuple):
    """Windows along one axis of a raster, all of one length.

    Attributes:
        size: of the raster, in pixels.
        window: length of each window, at most ``size``.
        starts: first pixel of each window, ascending; the last window may end beyond the raster.
    """

    size: int
    window: int
    starts: tuple[int, ...]

    @property
    def extent(self) -> int:
        """Where the last window ends, ``size`` or somewhat more."""
        return self.starts[-1] + self.window

    def block(self, index: int) -> tuple[int, int]:
        """Return the first pixel of a block, and the one after its last.

        A block lies between the starts of two successive windows, so no later window covers any of it. All blocks
        together are the raster.
        """
        ends = (*self.starts[1:], self.size)
        return self.starts[index], ends[index]

    def first_over(self, index: int) -> int:
        """Return the first window that covers a pixel of block ``index``."""
        return bisect_right(self.starts, self.starts[index] - self.window)


class Windows(NamedTuple):
    """Windows of a raster: every row of windows with every column.

    Attributes:
        rows: windows from top to bottom.
        columns: windows from left to right.
    """

    rows: Axis
    columns: Axis


def plan_axis(size: int, *, window: int, overlap: float, grid: float = GRID) -> Axis:
    """Return windows that cover an axis.

    Args:
        size: of the raster, 1 or more.
        window: wanted length, 1 or more; the whole axis where that is shorter.
        overlap: least share of a window that the next one covers too, 0 to below 1.
        grid: all starts are multiples of it, to half a pixel, unless the overlap leaves no step that long.
    """
    if window >= size:  # no window is larger than the raster: its border would be filled for nothing
        return Axis(size, size, (0,))
    grid = grid if 1 <= grid <= window * (1 - overlap) else 1
    # Starts are counted in whole cells of the grid and become pixels last. A grid of ``--gsd`` is not a whole number,
    # and of products of it one could not tell whether two starts are the same, or whether the raster's end is reached.
    step = max(1, int(window * (1 - overlap) // grid))
    last = math.ceil((size - window) / grid - ROUNDING)
    return Axis(size, window, tuple(round(cell * grid) for cell in (*range(0, last, step), last)))


def stretches(indices: Sequence[int]) -> Iterator[range]:
    """Yield ascending indices, such as of blocks, as ranges without gaps."""
    start = 0
    for at in range(1, len(indices) + 1):
        if at == len(indices) or indices[at] != indices[at - 1] + 1:
            yield range(indices[start], indices[at - 1] + 1)
            start = at


def axis_weights(axis: Axis) -> NDArray[np.float32]:
    """Return the weight of every pixel of every window along one axis, float32 (windows, window).

    A squared raised cosine, highest in the middle of a window where a network sees most around a pixel, divided by the
    sum of those of all windows that cover the pixel. The weight of a pixel in a window is the product of both axes'
    weights; over all windows these sum to one too. So no sum of weights is kept while predicting.
    """
    # At the middles of pixels, so that weights are above 0: a border pixel may have one window only.
    profile = np.sin(np.pi * (np.arange(axis.window) + 0.5) / axis.window) ** STEEPNESS
    total = np.zeros(axis.extent)
    for start in axis.starts:
        total[start : start + axis.window] += profile
    return np.stack([profile / total[start : start + axis.window] for start in axis.starts]).astype(np.float32)
