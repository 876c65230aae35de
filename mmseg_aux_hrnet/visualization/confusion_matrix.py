"""Draws a confusion matrix: shares of the reference as colours, shares and counts as numbers."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.visualization.png import save_figure

if TYPE_CHECKING:  # at run time only where something is drawn: matplotlib would take a tenth of the package's import
    from matplotlib.axes import Axes

NUMBERED_CLASSES = 30  # beyond, numbers in the cells would be too small to read
ROOMY_CLASSES = 6  # up to here counts are written out
# Where they are installed, for the names of classes in letters that matplotlib's own font lacks.
MORE_LETTERS = (
    'Noto Sans CJK SC',
    'Source Han Sans SC',
    'Microsoft YaHei',
    'PingFang SC',
    'SimHei',
    'Arial Unicode MS',
)
LEAST_SHARE = 0.05  # percent: below, a cell of many says nothing but that it is almost empty


def draw_confusion_matrix(path: str | Path, counts: Sequence[Sequence[int]], names: Sequence[str]) -> None:
    """Write a PNG: rows are the reference, columns the prediction, each row shaded by its shares in percent.

    The shading goes with the square root, so that small shares show. A class without reference pixels has no shares. Of
    many classes empty cells stay empty, and counts are short; of very many there are colours only.

    Args:
        path: the file to write.
        counts: pixels, C rows of C.
        names: C class names.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    table = np.array(counts, np.int64)
    support = table.sum(axis=1, keepdims=True)
    shares = np.divide(100 * table, support, out=np.full(table.shape, np.nan), where=support > 0)
    roomy = len(names) <= ROOMY_CLASSES
    margin = 1.6 + 0.085 * max(map(len, names))  # inches
    numbered = len(names) <= NUMBERED_CLASSES
    side = (1.35 if roomy else 0.62 if numbered else 0.2) * len(names)  # inches
    figure = Figure(figsize=(side + margin + 0.8, side + margin), layout='constrained')
    axes = figure.subplots()
    image = axes.imshow(np.nan_to_num(shares), norm=PowerNorm(0.5, vmin=0, vmax=100), cmap='Blues')
    if numbered:
        _write_numbers(axes, table, shares, roomy=roomy)
    _label_axes(axes, names)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label('share of the reference class, %')
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Glyph .* missing')  # one for every letter that no font here has
        save_figure(path, figure)


def _write_numbers(axes: 'Axes', table: NDArray[np.int64], shares: NDArray[np.float64], *, roomy: bool) -> None:
    for (row, column), count in np.ndenumerate(table):
        share = shares[row, column]
        if count == 0 and not roomy:
            continue
        percent = '-' if np.isnan(share) else '<0.1 %' if 0 < share < LEAST_SHARE else f'{share:.1f} %'
        words = f'{percent}\n{int(count):,}' if roomy else f'{percent.removesuffix(" %")}\n{short_count(int(count))}'
        ink = 'white' if share > 36 else '#222222'
        axes.text(column, row, words, ha='center', va='center', color=ink, fontsize=11 if roomy else 8)


def _label_axes(axes: 'Axes', names: Sequence[str]) -> None:
    from matplotlib.font_manager import get_font_names

    ticks = range(len(names))
    upright = len(names) > ROOMY_CLASSES or max(map(len, names)) > 16
    size = None if len(names) <= NUMBERED_CLASSES else 7
    fonts = ['DejaVu Sans', *(name for name in MORE_LETTERS if name in get_font_names())]
    style: dict[str, Any] = {'fontsize': size, 'fontfamily': fonts, 'parse_math': False}
    axes.set_xticks(ticks, names, rotation=90 if upright else 0, **style)
    axes.set_yticks(ticks, names, **style)
    axes.set_xlabel('prediction')
    axes.set_ylabel('reference')
    axes.set_title('share of the reference in %' + (', and pixels' if size is None else ''), fontsize=10)


def short_count(count: int) -> str:
    """Return a count in three digits and a letter: 999, 12.3k, 4.56M, 789G."""
    power = next((power for power in range(4) if count < 999.5 * 1000**power), 4)
    return f'{count / 1000**power:.3g}{" kMGT"[power].strip()}'
