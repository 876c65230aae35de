"""Draws a comparison: a dot and an interval for each group and figure, and for each difference to the first group."""

import io
import math
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from mmseg_aux_hrnet.report.comparison.comparison import COLUMNS, Comparison

# Okabe and Ito's colours, apart for all common kinds of colour blindness; the first group is grey.
FIRST = '#555555'
OTHERS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
LONGEST_NAME = 40  # characters beside the axis


class Mark(NamedTuple):
    """A dot with its interval, and smaller dots of single runs."""

    value: float
    low: float
    high: float
    runs: tuple[float, ...] = ()


def draw(comparison: Comparison) -> bytes:
    """Return the picture as PNG."""
    rows = comparison.rows
    heights = [len(rows) + 0.6, len(rows) - 1 + 0.6] if len(rows) > 1 else [1.6]
    canvas = Canvas(figsize=(12, 1.6 + 0.42 * sum(heights)), layout='constrained')
    grid = canvas.subplots(
        len(heights), len(COLUMNS), sharey='row', squeeze=False, gridspec_kw={'height_ratios': heights}
    )
    names = [_short(row.name) for row in rows]
    for position, column in enumerate(COLUMNS):
        top = grid[0][position]
        marks = [Mark(f.mean, f.low, f.high, f.runs) for f in (row.figures[column] for row in rows)]
        _draw_marks(top, marks, names=names, colours=_colours(len(rows)))
        top.set_title(column)
        top.set_xlabel('percent')
        if len(rows) > 1:
            below = grid[1][position]
            gaps = [Mark(d.value, d.low, d.high) for d in (row.differences[column] for row in rows[1:])]
            below.axvline(0, color=FIRST, linewidth=1)
            _draw_marks(below, gaps, names=names[1:], colours=_colours(len(rows))[1:])
            below.set_xlabel('percentage points')
    grid[0][0].set_ylabel('rate')
    if len(rows) > 1:
        grid[1][0].set_ylabel(f'minus {names[0]}' if len(names[0]) <= 12 else 'minus the first')
    canvas.suptitle(
        f'Class {comparison.class_name}, {comparison.images} image(s): dots are means of the runs, lines 95 % '
        'intervals over images, rings single runs'.replace('$', r'\$')
    )
    buffer = io.BytesIO()
    canvas.savefig(buffer, dpi=130, format='png')
    return buffer.getvalue()


def _draw_marks(axes: Axes, marks: list[Mark], *, names: list[str], colours: list[str]) -> None:
    for height, (mark, colour) in enumerate(zip(marks, colours, strict=True)):
        if math.isnan(mark.value):
            axes.text(0.5, height, 'undefined', transform=axes.get_yaxis_transform(), ha='center', va='center')
            continue
        if not math.isnan(mark.low):
            axes.plot([mark.low, mark.high], [height, height], color=colour, linewidth=2.2, solid_capstyle='butt')
        axes.plot(mark.value, height, 'o', color=colour, markersize=7)
        if len(mark.runs) > 1:
            above = [height - 0.25] * len(mark.runs)
            axes.plot(mark.runs, above, 'o', markersize=4, markerfacecolor='none', markeredgecolor=colour)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first group on top
    axes.grid(axis='x', alpha=0.3)
    axes.margins(x=0.12)
    axes.locator_params(axis='x', nbins=4)


def _colours(number: int) -> list[str]:
    return [FIRST, *(OTHERS[index % len(OTHERS)] for index in range(number - 1))]


def _short(name: str) -> str:
    shown = name if len(name) <= LONGEST_NAME else f'{name[: LONGEST_NAME - 1]}…'
    return shown.replace('$', r'\$')
