"""Draws a comparison: a dot and an interval for each group and figure, and for each difference to the first group."""

import io
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from mmseg_aux_hrnet.errors import counted
from mmseg_aux_hrnet.report.comparison.comparison import COLUMNS, Comparison

# Okabe and Ito's colours, apart for all common kinds of colour blindness; the first group is grey.
FIRST = '#555555'
OTHERS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
LONGEST_NAME = 40  # characters beside the axis


def draw(comparison: Comparison) -> bytes:
    """Return the picture as PNG."""
    rows = comparison.rows
    # Rows of one height in both parts; 0.6 is the room above and below, see set_ylim.
    heights = [len(rows) + 0.6, len(rows) - 1 + 0.6] if len(rows) > 1 else [1.6]
    canvas = Canvas(figsize=(12, 1.6 + 0.42 * sum(heights)), layout='constrained')
    grid = canvas.subplots(
        len(heights), len(COLUMNS), sharey='row', squeeze=False, gridspec_kw={'height_ratios': heights}
    )
    shown = [row.name if len(row.name) <= LONGEST_NAME else f'{row.name[: LONGEST_NAME - 1]}…' for row in rows]
    # Between two dollar signs matplotlib reads a formula, and stops where it is not one.
    names = [name.replace('$', r'\$') for name in shown]
    colours = [FIRST, *(OTHERS[index % len(OTHERS)] for index in range(len(rows) - 1))]
    for position, column in enumerate(COLUMNS):
        top = grid[0][position]
        rates = [row.rates[column] for row in rows]
        marks = [(rate.mean, rate.low, rate.high, rate.runs) for rate in rates]
        _draw_marks(top, marks, names=names, colours=colours)
        top.set_title(column)
        top.set_xlabel('percent')
        if len(rows) > 1:
            below = grid[1][position]
            differences = [row.differences[column] for row in rows[1:]]
            below.axvline(0, color=FIRST, linewidth=1)
            gaps = [(gap.value, gap.low, gap.high, ()) for gap in differences]
            _draw_marks(below, gaps, names=names[1:], colours=colours[1:])
            below.set_xlabel('percentage points')
    grid[0][0].set_ylabel('rate')
    if len(rows) > 1:
        grid[1][0].set_ylabel(f'minus {names[0]}' if len(names[0]) <= 12 else 'minus the first')
    canvas.suptitle(
        f'Class {comparison.class_name}, {counted(comparison.images, "image")}: dots are means of the runs, lines 95 % '
        'intervals over images, rings single runs'.replace('$', r'\$')
    )
    buffer = io.BytesIO()
    canvas.savefig(buffer, dpi=130, format='png')
    return buffer.getvalue()


def _draw_marks(
    axes: Axes,
    marks: Sequence[tuple[float, float, float, tuple[float, ...]]],
    *,
    names: list[str],
    colours: list[str],
) -> None:
    """Draw for each name a dot at its value, its interval from low to high, and rings for the single runs."""
    for height, ((value, low, high, runs), colour) in enumerate(zip(marks, colours, strict=True)):
        if math.isnan(value):
            axes.text(0.5, height, 'undefined', transform=axes.get_yaxis_transform(), ha='center', va='center')
            continue
        if not math.isnan(low):
            axes.plot([low, high], [height, height], color=colour, linewidth=2.2, solid_capstyle='butt')
        axes.plot(value, height, 'o', color=colour, markersize=7)
        if len(runs) > 1:
            above = [height - 0.25] * len(runs)
            axes.plot(runs, above, 'o', markersize=4, markerfacecolor='none', markeredgecolor=colour)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # the first group on top
    axes.grid(axis='x', alpha=0.3)
    axes.margins(x=0.12)
    axes.locator_params(axis='x', nbins=4)
