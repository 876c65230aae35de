"""Texts, picture and folder of a comparison, and the command as a user runs it."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_support import image_counts, metrics_of, write_report
from tool_support import run_here

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.bootstrap import Difference
from mmseg_aux_hrnet.report.comparison.comparison import COLUMNS, Comparison, GroupRate, Row
from mmseg_aux_hrnet.report.comparison.output import (
    Cells,
    figure_tables,
    latex,
    latex_text,
    markdown,
    notes,
    write,
)
from mmseg_aux_hrnet.report.comparison.picture import draw

NAN = math.nan


def comparison(*, name='aux'):
    """Two seeds of a plain network against one run of another that never predicts the class."""
    first = GroupRate(72.914, 0.456, 70.0, 75.0, (72.6, 73.2))
    second = GroupRate(74.0, NAN, 71.0, 76.0, (74.0,))
    gap = Difference(1.086, -0.204, 2.5, 0.0964)
    undefined = GroupRate(NAN, NAN, NAN, NAN, (NAN,))
    rows = (
        Row('plain', dict.fromkeys(COLUMNS, first), {}),
        Row(
            name,
            dict.fromkeys(COLUMNS, second) | {'Precision': undefined},
            dict.fromkeys(COLUMNS, gap) | {'Precision': Difference(NAN, NAN, NAN, NAN)},
        ),
    )
    return Comparison('green', rows, 42, 'as it was')


def test_cells_of_rates():
    cells, _ = figure_tables(comparison())
    assert cells.headings == ('Method', 'Runs', 'Precision', 'Recall', 'IoU', 'F1score', 'OA')
    assert cells.rows[0] == ('plain', '2', *['72.91 ± 0.46'] * 5)
    assert cells.rows[1] == ('aux', '1', '-', *['74.00'] * 4)


def test_cells_of_differences():
    _, cells = figure_tables(comparison())
    assert cells.title == 'Difference to plain, percentage points'
    assert cells.rows[0] == ('aux', 'Precision', '-', '-', '-')
    assert cells.rows[2] == ('aux', 'IoU', '+1.09', '-0.20 to +2.50', '0.096')


def test_notes_say_what_the_numbers_are():
    text = ' '.join(notes(comparison()))
    for words in (
        'same 42 images',
        'sample standard deviation',
        'as it was',
        'two-sided paired bootstrap',
        'never pre',
    ):
        assert words in text
    alone = ' '.join(notes(Comparison('green', comparison().rows[1:], 42, 'as it was')))
    assert 'standard deviation' not in alone and 'paired' not in alone


def test_markdown_by_hand():
    text = markdown([Cells('A|B', ('Method', 'x'), (('a_b|c', '1.00'),))], ['one\ntwo'])
    table = '| Method  |    x |\n|---------|-----:|\n| a\\_b\\|c | 1.00 |'
    assert text == f'# Comparison\n\n## A\\|B\n\n{table}\n\n- one two\n'


def test_latex_by_hand():
    lines = latex([Cells('T', ('Method', 'x'), (('a_b', '+1.00 ± 0.50'),))], ['50 % note']).splitlines()
    assert lines[1] == '% 50 % note'
    assert lines[3:] == [
        r'\begin{table}',
        r'  \centering',
        r'  \caption{T}',
        r'  \begin{tabular}{lr}',
        r'    \toprule',
        r'    Method & x \\',
        r'    \midrule',
        r'    a\_b & $+$1.00 $\pm$ 0.50 \\',
        r'    \bottomrule',
        r'  \end{tabular}',
        r'\end{table}',
    ]


@pytest.mark.parametrize(
    ('text', 'escaped'),
    [
        ('50% of r&d_$#', r'50\% of r\&d\_\$\#'),
        (r'\input{x}', r'\textbackslash{}input\{x\}'),
        ('~^<>|"', r'\textasciitilde{}\textasciicircum{}$<$$>$\textbar{}\char34{}'),
        ('-0.20 to +2.50', '$-$0.20 to $+$2.50'),
        ('fcn_aux-hr18-1', r'fcn\_aux-hr18-1'),
        ('[b] *', '{[}b] {*}'),  # both mean something at the start of a row
        ('two\nlines', 'two lines'),
    ],
)
def test_signs_that_latex_reads_are_escaped(text, escaped):
    assert latex_text(text) == escaped


@pytest.mark.parametrize('name', ['aux', '$x_{1', 'n' * 300])
def test_picture_has_ink_and_takes_any_name(name):
    with Image.open(io.BytesIO(draw(comparison(name=name)))) as image:
        pixels = np.asarray(image.convert('RGB'))
    assert 1000 < pixels.shape[1] < 2000
    for colour in ((0x55, 0x55, 0x55), (0x00, 0x72, 0xB2)):
        assert (pixels == colour).all(axis=-1).sum() > 200


def test_out_is_whole_or_not_there(tmp_path, monkeypatch):
    written = []

    def full_disk(path, content):
        written.append(path.name)
        if len(written) == 2:
            raise OSError(28, 'No space left on device')
        return len(content)

    monkeypatch.setattr(Path, 'write_bytes', full_disk)
    with pytest.raises(DataError, match='out cannot be written .No space left'):
        write(tmp_path / 'out', comparison(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('kind', ['file', 'full'])
def test_out_that_exists_is_kept(tmp_path, kind, capsys):
    out = tmp_path / 'out'
    there = out if kind == 'file' else out / 'mine.txt'
    there.parent.mkdir(exist_ok=True)
    there.write_text('mine', encoding='utf-8')
    assert run('first', 'second', '--out', out) == 2  # before it looks for the reports
    message = capsys.readouterr().err
    assert ('out is a file' if kind == 'file' else 'out exists and is not empty') in message
    assert there.read_text(encoding='utf-8') == 'mine'
    assert sorted(tmp_path.rglob('*')) == sorted({out, there})


def run(*argv):
    return run_here('compare', *argv)


@pytest.fixture
def reports(tmp_path):
    folders = []
    for config, quality in (('plain', 0.7), ('aux', 0.8)):
        for seed in range(2):
            counts = image_counts(10, quality=quality, seed=1, runs_seed=seed)
            folders.append(write_report(tmp_path / f'{config}{seed}', metrics_of(counts, config=config)))
    return folders


def test_command_writes_what_it_prints(reports, tmp_path, capsys):
    out = tmp_path / 'new' / 'out'
    assert run(*reports, '--out', out, '--resamples', 50) == 0
    printed = capsys.readouterr().out
    page = (out / 'comparison.md').read_text(encoding='utf-8')
    assert sorted(path.name for path in out.iterdir()) == ['comparison.md', 'comparison.png', 'comparison.tex']
    assert '4 reports of 2 methods' in printed
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in page.splitlines()]
    row = next(row for row in rows if row[:2] == ['aux', '2'])
    assert all(mean.split(' ± ')[0] in printed for mean in row[2:])
    assert str(reports[0].name) in page
    assert 'plain & 2 &' in (out / 'comparison.tex').read_text(encoding='utf-8')


def test_command_without_out_writes_nothing(reports, tmp_path, capsys):
    before = sorted(tmp_path.rglob('*'))
    assert run(*reports, '--resamples', 10) == 0
    assert sorted(tmp_path.rglob('*')) == before


def test_empty_out_is_used_and_a_full_one_refused_before_the_work(reports, tmp_path, capsys):
    out = tmp_path / 'out'
    out.mkdir()
    assert run(*reports, '--out', out, '--resamples', 10) == 0
    assert (out / 'comparison.md').is_file()
    assert run(*reports, '--out', out, '--resamples', 10) == 2
    assert capsys.readouterr().err == f'error: {out} exists and is not empty: name another folder, or remove it\n'


@pytest.mark.parametrize(
    ('extra', 'message'),
    [
        (['--resamples', 0], 'use at least one'),
        (['--seed', -1], 'a seed from 0 on'),
        (['--class', 'tree'], 'choose from'),
        (['gone'], 'gone is not a folder'),
    ],
)
def test_errors_are_one_line(reports, capsys, extra, message):
    assert run(*reports, *extra) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith('error: ') and printed.err.count('\n') == 1
    assert message in printed.err
    assert not printed.out
