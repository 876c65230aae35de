"""Writes a comparison into a folder: Markdown, LaTeX and the picture, all of them or none."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.bootstrap import Difference
from mmseg_aux_hrnet.files.outputs import check_folder
from mmseg_aux_hrnet.files.whole import whole_folder
from mmseg_aux_hrnet.report.comparison.comparison import COLUMNS, Comparison, Figure
from mmseg_aux_hrnet.report.comparison.groups import Group
from mmseg_aux_hrnet.report.comparison.picture import draw

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


def show(comparison: Comparison, *, console: Console) -> None:
    """Print the rates, the differences where there are any, and the notes."""
    console.print(_table(rate_cells(comparison)))
    if len(comparison.rows) > 1:
        console.print(_table(difference_cells(comparison)))
    for note in notes(comparison):
        console.print(Text(note))


def _table(cells: Cells) -> Table:
    table = Table(title=Text(cells.title), box=box.SIMPLE, title_justify='left')
    table.add_column(Text(cells.headings[0]), overflow='fold')
    for index, heading in enumerate(cells.headings[1:], start=1):
        table.add_column(Text(heading), justify='left' if index < cells.words else 'right', no_wrap=True)
    previous = ''
    for row in cells.rows:
        name = row[0] if row[0] != previous else ''
        # As Text, because names may hold square brackets; deviations below, so that 80 columns are enough.
        table.add_row(*(Text(cell.replace(' ± ', '\n± ')) for cell in (name, *row[1:])))
        previous = row[0]
    return table


LATEX = {
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '±': r'$\pm$',
    '<': r'$<$',
    '>': r'$>$',
    '|': r'\textbar{}',
    '"': r'\char34{}',
    '[': '{[}',  # at the start of a row it would begin an option, and a star would be one
    '*': '{*}',
    **{sign: f'\\{sign}' for sign in '&%$#_{}'},
}


def markdown(tables: Sequence[Cells], notes: Sequence[str]) -> str:
    """Return the tables below their titles and the notes as a list, as a Markdown page."""
    parts = ['# Comparison']
    for table in tables:
        rules = [':---' if index < table.words else '---:' for index in range(len(table.headings))]
        lines = [table.headings, rules, *table.rows]
        rows = '\n'.join(f'| {" | ".join(_markdown(cell) for cell in line)} |' for line in lines)
        parts.append(f'## {_markdown(table.title)}\n\n{rows}')
    parts.append('\n'.join(f'- {_markdown(note)}' for note in notes))
    return '\n\n'.join(parts) + '\n'


def latex(tables: Sequence[Cells], notes: Sequence[str]) -> str:
    r"""Return the tables as ``table`` environments for ``\input``, in the style of the package booktabs."""
    parts = [
        '% \\usepackage{booktabs} goes into the preamble. Long names make wide tables: NAME=DIR shortens them.',
        *(f'% {_one_line(note)}' for note in notes),
    ]
    for table in tables:
        columns = 'l' * table.words + 'r' * (len(table.headings) - table.words)
        rows = [r' & '.join(latex_text(cell) for cell in row) + r' \\' for row in table.rows]
        parts += [
            '',
            r'\begin{table}',
            r'  \centering',
            f'  \\caption{{{latex_text(table.title)}}}',
            f'  \\begin{{tabular}}{{{columns}}}',
            r'    \toprule',
            '    ' + ' & '.join(latex_text(heading) for heading in table.headings) + r' \\',
            r'    \midrule',
            *(f'    {row}' for row in rows),
            r'    \bottomrule',
            r'  \end{tabular}',
            r'\end{table}',
        ]
    return '\n'.join(parts) + '\n'


def latex_text(text: str) -> str:
    """Return text with the signs that mean something to LaTeX escaped, and with minus signs for numbers."""
    escaped = ''.join(LATEX.get(sign, sign) for sign in _one_line(text))
    return re.sub(r'(?<![\w.-])([+-])(?=\d)', r'$\1$', escaped)


def _markdown(text: str) -> str:
    return re.sub(r'([\\|*_`<>\[\]])', r'\\\1', _one_line(text))


def _one_line(text: str) -> str:
    return ' '.join(text.split())


def check_out(folder: str | Path) -> None:
    """Raise where the output folder exists and is not empty.

    Raises:
        ConfigError: it does, or is a file.
    """
    check_folder(Path(folder), advice='name another folder, or remove it')


def write(folder: str | Path, comparison: Comparison, groups: Sequence[Group]) -> None:
    """Write ``comparison.md``, ``comparison.tex`` and ``comparison.png``; the folder appears with all of them.

    Raises:
        DataError: they cannot be written.
    """
    folder = Path(folder)
    tables = [rate_cells(comparison), *([difference_cells(comparison)] if len(comparison.rows) > 1 else [])]
    said = notes(comparison)
    files = {
        'comparison.md': markdown([*tables, sources(groups)], said).encode('utf-8'),
        'comparison.tex': latex(tables, said).encode('utf-8'),
        'comparison.png': draw(comparison),
    }
    try:
        with whole_folder(folder) as part:
            for name, content in files.items():
                (part / name).write_bytes(content)
    except OSError as error:
        raise DataError(f'{folder} cannot be written ({error.strerror}): choose a folder that is writable') from error
