"""Tables of text as Markdown and as LaTeX, whatever signs their cells hold."""

import re
from collections.abc import Sequence

from mmseg_aux_hrnet.comparison.cells import Cells

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
