"""Rates of classes as a table to read."""

import io
import math
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.rates import ClassRates, OverallRates


def rich_table(
    classes: Mapping[str, ClassRates],
    overall: OverallRates,
    *,
    class_of_interest: str | None = None,
    box_style: box.Box = box.SIMPLE_HEAD,
) -> Table:
    """Lay out the rates of every class, one row each, with the means and the rules below.

    Args:
        classes: rates by class name, in the order of the rows.
        overall: rates over all classes.
        class_of_interest: name of the class whose row is marked.
        box_style: lines around the cells.
    """
    caption = Text(justify='left').append(_summary(overall), style='bold')
    caption.append(f'\n{_notes(classes, class_of_interest)}')
    table = Table(box=box_style, caption=caption, caption_style='', caption_justify='left')
    table.add_column('class', overflow='fold')
    for heading in ('Precision', 'Recall', 'IoU', 'F1', 'reference pixels', 'share %'):
        table.add_column(heading, justify='right', no_wrap=True)
    for name, rates in classes.items():
        marked = name == class_of_interest
        table.add_row(
            *_cells(name, rates, marked=marked, pixels=overall.pixels), style='bold green' if marked else None
        )
    return table


def render(classes: Mapping[str, ClassRates], overall: OverallRates, *, class_of_interest: str | None = None) -> str:
    """Return the table as plain text of at most 100 columns, as Markdown so that it can be pasted anywhere.

    Args:
        classes: rates by class name, in the order of the rows.
        overall: rates over all classes.
        class_of_interest: name of the class whose row is marked.
    """
    # Markdown lines are plain ASCII: log files of Windows are not written as UTF-8.
    table = rich_table(classes, overall, class_of_interest=class_of_interest, box_style=box.MARKDOWN)
    console = Console(file=io.StringIO(), width=100, color_system=None, force_jupyter=False)
    with console.capture() as capture:
        console.print(table)
    return '\n'.join(line.rstrip() for line in capture.get().strip().splitlines())


def _cells(name: str, rates: ClassRates, *, marked: bool, pixels: int) -> list[Text]:
    label = f'{name} *' if marked else name
    values = [_number(value) for value in (rates.precision, rates.recall, rates.iou, rates.f1)]
    share = _number(100 * rates.support / pixels if pixels else math.nan)
    # As Text, because a class name may hold square brackets, which are markup in plain strings.
    return [
        Text(cell) for cell in (f'{label} (absent)' if rates.absent else label, *values, f'{rates.support:,}', share)
    ]


def _summary(overall: OverallRates) -> str:
    means = {'OA': overall.oa, 'mIoU': overall.miou, 'mAcc': overall.macc, 'mDice': overall.mdice}
    means['FWIoU'] = overall.fwiou
    coefficients = f'kappa {_number(overall.kappa, digits=4)}   MCC {_number(overall.mcc, digits=4)}'
    return '   '.join(f'{name} {_number(value)}' for name, value in means.items()) + f'\n{coefficients}'


def _notes(classes: Mapping[str, ClassRates], class_of_interest: str | None) -> str:
    absent = [name for name, rates in classes.items() if rates.absent]
    never_predicted = [name for name, rates in classes.items() if rates.support and not rates.predicted]
    no_reference = [name for name, rates in classes.items() if rates.predicted and not rates.support]
    legend = ["percent, kappa and MCC -1 to 1; '-' is undefined; absent: in no label and no prediction"]
    if class_of_interest is not None:
        legend.append(f'*: the class of interest, {class_of_interest}')
    return '\n'.join(
        [
            *legend,
            f'mean over {len(classes) - len(absent)} of {len(classes)} classes; absent: {_listed(absent)}',
            f'never predicted (IoU and F1 are 0 and count): {_listed(never_predicted)}',
            f'no reference pixels (recall is undefined and not in mAcc): {_listed(no_reference)}',
        ]
    )


def _listed(names: list[str]) -> str:
    return ', '.join(names) or 'none'


def _number(value: float, *, digits: int = 2) -> str:
    return '-' if math.isnan(value) else f'{value:.{digits}f}'


# name on the command line -> key of ConfusionMetric; with beta = 1 the mean F-score is the mean Dice coefficient
HEADLINES = {'mIoU': 'mIoU', 'mDice': 'mDice', 'mFscore': 'mDice', 'mAcc': 'mAcc', 'OA': 'OA', 'kappa': 'kappa'}


def check_headlines(names: Sequence[str]) -> None:
    """Raise unless every name is known.

    Raises:
        ConfigError: names the first unknown one and those allowed.
    """
    for name in names:
        if name not in HEADLINES:
            raise ConfigError(f'--eval {name} is unknown: use {", ".join(HEADLINES)}')


def headline(figures: Mapping[str, float], names: Sequence[str]) -> str:
    """Return the named figures on one line, percent except kappa.

    Raises:
        ConfigError: the config's own metric does not give one of them.
    """
    for name in names:
        if HEADLINES[name] not in figures:
            raise ConfigError(f'--eval {name}: the metric of this config only gives {", ".join(figures)}')
    return '  '.join(f'{name} {figures[HEADLINES[name]]:.4f}' for name in names)
