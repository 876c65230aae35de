"""The printed table: cells, marks, and what it says about classes that are not there."""

import io

import numpy as np
import pytest
from rich.console import Console

from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.evaluation.table import render, rich_table

NAMES = ('background', 'green', 'wa[b]ter', 'roof', 'car')
COUNTS = np.array([[80, 4, 0, 0, 0], [35, 17, 0, 0, 2], [0, 0, 0, 0, 0], [3, 3, 0, 0, 0], [0, 0, 0, 0, 0]])


def lines(counts=COUNTS, names=NAMES, interest='green'):
    rates = dict(zip(names, class_rates(counts), strict=True))
    return render(rates, overall_rates(counts), class_of_interest=interest).splitlines()


def cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


@pytest.mark.parametrize(
    ('row', 'expected'),
    [
        (0, ['class', 'Precision', 'Recall', 'IoU', 'F1', 'reference pixels', 'share %']),
        (2, ['background', '67.80', '95.24', '65.57', '79.21', '84', '58.33']),
        (3, ['green *', '70.83', '31.48', '27.87', '43.59', '54', '37.50']),
        (4, ['wa[b]ter (absent)', '-', '-', '-', '-', '0', '0.00']),
        (5, ['roof', '-', '0.00', '0.00', '0.00', '6', '4.17']),
        (6, ['car', '0.00', '-', '0.00', '0.00', '0', '0.00']),
    ],
)
def test_rows(row, expected):
    assert cells(lines()[row]) == expected


def test_lines_below():
    assert lines()[8:] == [
        'OA 67.36   mIoU 23.36   mAcc 42.24   mDice 30.70   FWIoU 48.70',
        'kappa 0.2897   MCC 0.3375',
        "percent, kappa and MCC -1 to 1; '-' is undefined; absent: in no label and no prediction",
        '*: the class of interest, green',
        'mean over 4 of 5 classes; absent: wa[b]ter',
        'never predicted (IoU and F1 are 0 and count): roof',
        'no reference pixels (recall is undefined and not in mAcc): car',
    ]


def test_without_class_of_interest_nothing_is_marked():
    assert '*' not in '\n'.join(lines(interest=None))


def test_nothing_counted():
    text = lines(counts=np.zeros((2, 2), dtype=np.int64), names=('background', 'green'), interest=None)
    assert cells(text[3]) == ['green (absent)', '-', '-', '-', '-', '0', '-']
    assert text[5:7] == ['OA -   mIoU -   mAcc -   mDice -   FWIoU -', 'kappa -   MCC -']
    assert 'mean over 0 of 2 classes; absent: background, green' in text


def test_log_text_is_narrow_and_ascii():
    text = '\n'.join(lines(names=('background', 'a class with a long name ' * 4, 'c', 'd', 'e'), interest='d'))
    assert text.isascii()
    assert '\x1b' not in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_counts_have_thousands_separators():
    assert cells(lines(counts=COUNTS * 1_000_000)[2])[5] == '84,000,000'


def test_screen_table_marks_the_row():
    rates = dict(zip(NAMES, class_rates(COUNTS), strict=True))
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system='standard', legacy_windows=False)
    with console.capture() as capture:
        console.print(rich_table(rates, overall_rates(COUNTS), class_of_interest='green'))
    coloured = [line for line in capture.get().splitlines() if '\x1b[1;32m' in line]
    assert len(coloured) == 1
    assert 'green *' in coloured[0]
