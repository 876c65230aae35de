"""A comparison as rows of text, which every form of table shows: Markdown, LaTeX and the screen."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from mmseg_aux_hrnet.comparison.comparison import COLUMNS, Comparison, Figure
from mmseg_aux_hrnet.comparison.groups import Group
from mmseg_aux_hrnet.evaluation.bootstrap import Difference

UNDEFINED = '-'


class Cells(NamedTuple):
    """A table as text: its title, headings and rows, and how many of its first columns hold words, not numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


def rate_cells(comparison: Comparison) -> Cells:
    """Return the rates in the columns of the published table; several runs as mean and deviation."""
    rows = tuple(
        (row.name, str(len(row.figures['OA'].runs)), *(_figure(row.figures[name]) for name in COLUMNS))
        for row in comparison.rows
    )
    return Cells(f'Class {comparison.class_name}, percent', ('Method', 'Runs', *COLUMNS), rows)


def difference_cells(comparison: Comparison) -> Cells:
    """Return, for every group but the first and every column, the difference, its interval and its p value."""
    rows = tuple(
        (row.name, name, *_difference(row.differences[name])) for row in comparison.rows[1:] for name in COLUMNS
    )
    headings = ('Method', 'Figure', 'Difference', '95 % interval', 'p')
    return Cells(f'Difference to {comparison.rows[0].name}, percentage points', headings, rows, words=2)


def notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know to read the numbers."""
    several = any(len(row.figures['OA'].runs) > 1 for row in comparison.rows)
    lines = [
        f'All runs on the same {comparison.images} image(s); counts of all pixels together, not means over images.'
    ]
    if several:
        lines.append(
            'Several runs: mean ± sample standard deviation of the runs. The intervals are of the mean of these runs; '
            'how far other seeds would lie apart is in the deviation, not in the interval or p.'
        )
    lines.append(f'Intervals: {comparison.method}.')
    if len(comparison.rows) > 1:
        lines.append(
            'p: two-sided paired bootstrap, the same images drawn for both; each p stands alone, with no correction '
            'for the number of comparisons.'
        )
    if any(math.isnan(figure.mean) for row in comparison.rows for figure in row.figures.values()):
        lines.append(f'{UNDEFINED}: undefined, such as the precision of a class that a run never predicts.')
    return lines


def sources(groups: Sequence[Group]) -> Cells:
    """Return where each group's numbers come from."""
    rows = tuple(
        (
            group.name,
            str(run.folder),
            run.config or UNDEFINED,
            run.checkpoint or UNDEFINED,
            run.checkpoint_sha256[:12] or UNDEFINED,
            str(run.threshold or 'none'),
        )
        for group in groups
        for run in group.runs
    )
    return Cells('Reports', ('Method', 'Folder', 'Config', 'Checkpoint', 'SHA-256', 'Threshold'), rows, words=6)


def _figure(figure: Figure) -> str:
    if math.isnan(figure.mean):
        return UNDEFINED
    return f'{figure.mean:.2f}' + ('' if math.isnan(figure.deviation) else f' ± {figure.deviation:.2f}')


def _difference(difference: Difference) -> tuple[str, str, str]:
    if math.isnan(difference.value):
        return UNDEFINED, UNDEFINED, UNDEFINED
    if math.isnan(difference.p):
        return f'{difference.value:+.2f}', UNDEFINED, UNDEFINED
    return f'{difference.value:+.2f}', f'{difference.low:+.2f} to {difference.high:+.2f}', f'{difference.p:.3f}'
