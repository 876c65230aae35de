"""Rates of classes as a table to read."""

import io
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.metrics import CLASS_METRICS, FWIOU, KAPPA, MACC, MCC, MDICE, MIOU, OA
from mmseg_aux_hrnet.evaluation.rates import ClassRates, OverallRates

# Name on the command line: the figure. With beta = 1, mmseg's default, the mean F-score is the mean Dice coefficient.
HEADLINES = {'mIoU': MIOU, 'mDice': MDICE, 'mFscore': MDICE, 'mAcc': MACC, 'OA': OA, 'kappa': KAPPA}


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
    means = [f'{metric.title} {metric.text(getattr(overall, metric.key))}' for metric in (OA, MIOU, MACC, MDICE, FWIOU)]
    coefficients = [f'{metric.title} {metric.text(getattr(overall, metric.key))}' for metric in (KAPPA, MCC)]
    caption = Text(justify='left').append('   '.join(means) + '\n' + '   '.join(coefficients), style='bold')
    absent = [name for name, rates in classes.items() if rates.absent]
    never_predicted = [name for name, rates in classes.items() if rates.support and not rates.predicted]
    no_reference = [name for name, rates in classes.items() if rates.predicted and not rates.support]
    caption.append("\npercent, kappa and MCC -1 to 1; '-' is undefined; absent: in no label and no prediction")
    if class_of_interest is not None:
        caption.append(f'\n*: the class of interest, {class_of_interest}')
    present = len(classes) - len(absent)
    caption.append(
        f'\nmean over {present} of {len(classes)} classes; absent: {", ".join(absent) or "none"}\n'
        f'never predicted (IoU and F1 are 0 and count): {", ".join(never_predicted) or "none"}\n'
        f'no reference pixels (recall is undefined and not in mAcc): {", ".join(no_reference) or "none"}'
    )
    table = Table(box=box_style, caption=caption, caption_style='', caption_justify='left')
    table.add_column('class', overflow='fold')
    for heading in (*(metric.title for metric in CLASS_METRICS), 'reference pixels', 'share %'):
        table.add_column(heading, justify='right', no_wrap=True)
    for name, rates in classes.items():
        marked = name == class_of_interest
        label = f'{name} *' if marked else name
        values = [metric.text(getattr(rates, metric.key)) for metric in CLASS_METRICS]
        share = f'{100 * rates.support / overall.pixels:.2f}' if overall.pixels else '-'
        cells = [f'{label} (absent)' if rates.absent else label, *values, f'{rates.support:,}', share]
        # As Text, because a class name may hold square brackets, which are markup in plain strings.
        table.add_row(*map(Text, cells), style='bold green' if marked else None)
    return table


def render(classes: Mapping[str, ClassRates], overall: OverallRates, *, class_of_interest: str | None = None) -> str:
    """Return the table as plain text of at most 100 columns, as Markdown so that it can be pasted anywhere.

    Args:
        classes: rates by class name, in the order of the rows.
        overall: rates over all classes.
        class_of_interest: name of the class whose row is marked.
    """
    table = rich_table(classes, overall, class_of_interest=class_of_interest, box_style=box.MARKDOWN)
    return markdown_table(table, width=100)


def markdown_table(table: Table, *, width: int) -> str:
    """Return a table, and its caption below, as Markdown.

    Args:
        table: with ``rich.box.MARKDOWN``, whose lines are plain ASCII: log files of Windows are not written as UTF-8.
        width: characters of a line at most; a longer cell continues in a row of its own.
    """
    console = Console(file=io.StringIO(), width=width, color_system=None, force_jupyter=False)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().strip().splitlines()]
    # rich leaves the alignment out of the line below the headings; without it, numbers stand on the left in a browser.
    rules = lines[1].strip('|').split('|')
    sides = [column.justify == 'right' for column in table.columns]
    lines[1] = f'|{"|".join(f"{rule[:-1]}:" if side else rule for rule, side in zip(rules, sides, strict=True))}|'
    return '\n'.join(lines)


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
        if HEADLINES[name].title not in figures:
            raise ConfigError(f'--eval {name}: the metric of this config only gives {", ".join(figures)}')
    return '  '.join(f'{name} {figures[HEADLINES[name].title]:.4f}' for name in names)
