"""Plans windows: which parts of a raster are predicted together, and which rows are finished together."""

from typing import NamedTuple

# Strides of convolutional networks are powers of two up to 32: at starts that are multiples of it a network sees every
# object on the same grid as it would in the whole image.
GRID = 32


class Axis(NamedTuple):
    """Windows along one axis of a raster, all of one size, the last one ending with the raster.

    Attributes:
        size: of the raster, in pixels.
        window: length of each window, at most ``size``.
        starts: first pixel of each window, ascending.
    """

    size: int
    window: int
    starts: tuple[int, ...]

    def block(self, index: int) -> tuple[int, int]:
        """Return the first pixel, and the one after the last, that no later window covers from ``index`` on.

        So a block lies between the starts of two windows; all blocks together are the axis.
        """
        ends = (*self.starts[1:], self.size)
        return self.starts[index], ends[index]

    def first_over(self, index: int) -> int:
        """Return the first window that covers a pixel of block ``index``."""
        return next(j for j, start in enumerate(self.starts) if start + self.window > self.starts[index])


class Plan(NamedTuple):
    """Windows of a raster: every window row with every window column.

    Attributes:
        rows: windows from top to bottom.
        columns: windows from left to right.
    """

    rows: Axis
    columns: Axis


def plan_axis(size: int, *, window: int, overlap: float, grid: int = GRID) -> Axis:
    """Return windows that cover an axis.

    Args:
        size: of the raster, 1 or more.
        window: wanted length, 1 or more; the whole axis where that is shorter.
        overlap: least share of a window that the next one covers too, 0 to below 1.
        grid: starts, save the last, are multiples of it where the overlap leaves steps that long.
    """
    length = min(window, size)
    step = max(1, int(length * (1 - overlap)))
    if step > grid:
        step -= step % grid
    last = size - length
    return Axis(size, length, (*range(0, last, step), last))
