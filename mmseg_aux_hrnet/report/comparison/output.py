"""Writes a comparison into a folder: Markdown, LaTeX and the picture, all or nothing."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import DataError, counted
from mmseg_aux_hrnet.evaluation.table import markdown_table
from mmseg_aux_hrnet.files.whole import whole_folder
from mmseg_aux_hrnet.report.comparison.comparison import COLUMNS, Comparison
from mmseg_aux_hrnet.report.comparison.picture import draw
from mmseg_aux_hrnet.report.comparison.report_folder import Run
from mmseg_aux_hrnet.screen import print_tables

UNDEFINED = '-'  # ASCII, because LaTeX and the screen show it too
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


class Cells(NamedTuple):
    """A table as text: its title, headings and rows, and how many of its first columns hold words, not numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


def figure_tables(comparison: Comparison) -> list[Cells]:
    """Return the rates in the columns of the published table, and the differences where there is anything to compare.

    The rates of several runs are mean and deviation. There is a row of differences for every group but the first and
    every column, with its interval and its p value.
    """
    rates, differences = [], []
    for row in comparison.rows:
        cells = [row.name, str(len(row.rates['OA'].runs))]
        for rate in (row.rates[column] for column in COLUMNS):
            deviation = '' if math.isnan(rate.deviation) else f' ± {rate.deviation:.2f}'
            cells.append(UNDEFINED if math.isnan(rate.mean) else f'{rate.mean:.2f}{deviation}')
        rates.append(tuple(cells))
        for column, gap in row.differences.items():
            value = UNDEFINED if math.isnan(gap.value) else f'{gap.value:+.2f}'
            ends, p = f'{gap.low:+.2f} to {gap.high:+.2f}', f'{gap.p:.3f}'
            if math.isnan(gap.value) or math.isnan(gap.p):  # too few resamples have this rate for an interval
                ends, p = UNDEFINED, UNDEFINED
            differences.append((row.name, column, value, ends, p))
    tables = [Cells(f'Class {comparison.class_name}, percent', ('Method', 'Runs', *COLUMNS), tuple(rates))]
    if differences:
        title = f'Difference to {comparison.rows[0].name}, percentage points'
        headings = ('Method', 'Figure', 'Difference', '95 % interval', 'p')
        tables.append(Cells(title, headings, tuple(differences), words=2))
    return tables


def notes(comparison: Comparison) -> list[str]:
    """Return what a reader must know to read the numbers."""
    several = any(len(row.rates['OA'].runs) > 1 for row in comparison.rows)
    lines = [
        f'All runs on the same {counted(comparison.images, "image")}; counts of all pixels together, not means '
        'over images.'
    ]
    if several:
        lines.append(
            'Several runs: mean ± sample standard deviation of the runs. The intervals are those of the mean of '
            'these runs. The deviation, not the interval or p, says how far other seeds would differ.'
        )
    lines.append(f'Intervals: {comparison.method}.')
    if len(comparison.rows) > 1:
        lines.append(
            'p: two-sided paired bootstrap, the same images drawn for both; each p stands alone, with no correction '
            'for the number of comparisons.'
        )
    if any(math.isnan(rate.mean) for row in comparison.rows for rate in row.rates.values()):
        lines.append(f'{UNDEFINED}: undefined, such as the precision of a class that a run never predicts.')
    return lines


def sources(groups: Mapping[str, Sequence[Run]]) -> Cells:
    """Return where each group's numbers come from."""
    rows = tuple(
        (
            name,
            str(run.folder),
            run.config or UNDEFINED,
            run.checkpoint or UNDEFINED,
            run.checkpoint_sha256[:12] or UNDEFINED,
            str(run.threshold or 'none'),
        )
        for name, runs in groups.items()
        for run in runs
    )
    return Cells('Reports', ('Method', 'Folder', 'Config', 'Checkpoint', 'SHA-256', 'Threshold'), rows, words=6)


def show(comparison: Comparison, *, console: Console) -> None:
    """Print the rates, the differences where there are any, and the notes."""
    for cells in figure_tables(comparison):
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
        print_tables(console, table)
    for note in notes(comparison):
        console.print(Text(note))


def markdown(tables: Sequence[Cells], remarks: Sequence[str]) -> str:
    """Return the tables below their titles and the remarks as a list, as a Markdown page."""
    parts = ['# Comparison']
    for cells in tables:
        table = Table(box=box.MARKDOWN)
        for index, heading in enumerate(cells.headings):
            table.add_column(_escaped(heading), justify='left' if index < cells.words else 'right', no_wrap=True)
        for row in cells.rows:
            table.add_row(*map(_escaped, row))
        # Wider than all text together: rich would shorten a cell that does not fit. A Chinese sign is two columns wide.
        width = 4 * sum(len(cell) + 4 for row in (cells.headings, *cells.rows) for cell in row)
        parts.append(f'## {_escaped(cells.title)}\n\n{markdown_table(table, width=width)}')
    parts.append('\n'.join(f'- {_escaped(remark)}' for remark in remarks))
    return '\n\n'.join(parts) + '\n'


def latex(tables: Sequence[Cells], remarks: Sequence[str]) -> str:
    r"""Return the tables as ``table`` environments for ``\input``, in the style of the package booktabs."""
    parts = [
        '% \\usepackage{booktabs} goes into the preamble. Long names make wide tables: NAME=DIR shortens them.',
        *(f'% {" ".join(remark.split())}' for remark in remarks),
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
    # Sign by sign and in one pass: replacing text by text would escape the backslashes of earlier replacements.
    escaped = ''.join(LATEX.get(sign, sign) for sign in ' '.join(text.split()))
    return re.sub(r'(?<![\w.-])([+-])(?=\d)', r'$\1$', escaped)


def _escaped(text: str) -> Text:
    """Return text with the signs that mean something to Markdown escaped; as Text, which rich takes as it is."""
    return Text(re.sub(r'([\\|*_`<>\[\]])', r'\\\1', ' '.join(text.split())))


def write(folder: str | Path, comparison: Comparison, groups: Mapping[str, Sequence[Run]]) -> None:
    """Write ``comparison.md``, ``comparison.tex`` and ``comparison.png``; the folder appears with all of them.

    Raises:
        DataError: they cannot be written.
    """
    folder = Path(folder)
    tables, remarks = figure_tables(comparison), notes(comparison)
    files = {
        'comparison.md': markdown([*tables, sources(groups)], remarks).encode('utf-8'),
        'comparison.tex': latex(tables, remarks).encode('utf-8'),
        'comparison.png': draw(comparison),
    }
    try:
        with whole_folder(folder) as part:
            for name, content in files.items():
                (part / name).write_bytes(content)
    except OSError as error:
        raise DataError(f'{folder} cannot be written ({error.strerror}): choose a folder that is writable') from error
