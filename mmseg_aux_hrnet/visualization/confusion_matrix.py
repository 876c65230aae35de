"""Draws a confusion matrix: shares of the reference as colours, shares and counts as numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

NUMBERED_CLASSES = 24  # beyond, numbers in the cells would be too small to read
CELL = 0.62  # inches
CELL_WIDE = 1.2  # inches, where counts are written out


def draw_confusion_matrix(path: str | Path, counts: Sequence[Sequence[int]], names: Sequence[str]) -> None:
    """Write a PNG: rows are the reference, columns the prediction, each row shaded by its shares in percent.

    A class without reference pixels has a row of hatched cells.

    Args:
        path: the file to write.
        counts: pixels, C rows of C.
        names: C class names.
    """
    table = np.array(counts, np.int64)
    support = table.sum(axis=1, keepdims=True)
    shares = np.divide(100 * table, support, out=np.full(table.shape, np.nan), where=support > 0)
    cell = CELL_WIDE if len(names) <= 6 else CELL
    longest = 0.085 * max(map(len, names))
    side = cell * len(names)
    figure = Figure(figsize=(side + longest + 2.2, side + longest + 1.4), layout='constrained')
    axes = figure.subplots()
    image = axes.imshow(np.nan_to_num(shares), vmin=0, vmax=100, cmap='Blues')
    _write_numbers(axes, table, shares)
    _label(axes, names)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label('share of the reference class, %')
    figure.savefig(path, dpi=110, format='png')


def _write_numbers(axes: Axes, table: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    if len(table) > NUMBERED_CLASSES:
        return
    for (row, column), count in np.ndenumerate(table):
        share = shares[row, column]
        words = '-' if np.isnan(share) else f'{share:.1f}\n{short_count(int(count))}'
        ink = 'white' if share > 60 else '#222222'
        axes.text(column, row, words, ha='center', va='center', color=ink, fontsize=11 if len(table) <= 6 else 7)


def _label(axes: Axes, names: Sequence[str]) -> None:
    ticks = range(len(names))
    upright = len(names) > 6 or max(map(len, names)) > 12
    axes.set_xticks(ticks, names, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(ticks, names, parse_math=False)
    axes.set_xlabel('prediction')
    axes.set_ylabel('reference')
    axes.set_title('share of the reference, %, and pixels', fontsize=10)


def short_count(count: int) -> str:
    """Return a count in at most four digits and a letter: 999, 12.3k, 4.56M, 7.8G."""
    for unit, letter in ((10**12, 'T'), (10**9, 'G'), (10**6, 'M'), (10**3, 'k')):
        if count >= unit:
            return f'{count / unit:.3g}{letter}' if count < 999.5 * unit else f'{count / unit:.0f}{letter}'
    return str(count)
