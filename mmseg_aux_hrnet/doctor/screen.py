"""Puts a checkup into words: on the screen, and line by line for the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.doctor.checkup import Checkup
from mmseg_aux_hrnet.doctor.findings import Finding, count_levels, first_of
from mmseg_aux_hrnet.doctor.sources import UNDIVIDED
from mmseg_aux_hrnet.doctor.summary import Summary, config_snippets
from mmseg_aux_hrnet.errors import counted
from mmseg_aux_hrnet.screen import print_tables

MOST_CLASSES = 6  # columns of a screen; a JSON file holds all
MOST_VALUES = 8
STYLES = {'fault': 'bold red', 'doubt': 'bold yellow', 'note': 'bold cyan'}


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on the error output while work is done; yield what is to be called with tiles done and all tiles."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(checkup: Checkup, console: Console) -> None:
    """Print the table of the splits, the findings and the lines for a config."""
    # Names of classes and files are data: rich would take brackets in them for markup.
    head, body = rows(checkup)
    table = Table(box=SIMPLE)
    for name in head:
        table.add_column(Text(name), justify='left' if name == 'split' else 'right')
    for row in body:
        table.add_row(*row)
    print_tables(console, table)
    for line in form_lines(checkup):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print()
    for finding in checkup.findings:
        level = Text(f'{finding.level.upper():5} ', style=STYLES[finding.level])
        console.print(level + Text(finding_text(finding)), soft_wrap=True, highlight=False)
    train = training_summary(checkup)
    snippets = config_snippets(train) if train is not None else []
    if snippets:
        console.print('\nfor a config, from the training images:', highlight=False)
        for line in snippets:
            console.print(f'  {line}', markup=False, highlight=False, soft_wrap=True)


def training_summary(checkup: Checkup) -> Summary | None:
    """Return the totals of the training split, or of a folder that is not divided."""
    return next((summary for summary in checkup.summaries if summary.split in ('train', UNDIVIDED)), None)


def finding_text(finding: Finding, *, limit: int = 3) -> str:
    """Return a finding without its level: where, what, the first ``limit`` files, what to do."""
    where = f'{finding.split}: ' if finding.split else ''
    files = f': {first_of(finding.files, limit=limit)}' if finding.files else ''
    advice = f' -> {finding.advice}' if finding.advice else ''
    return f'{where}{finding.what}{files}{advice}'


def verdict(checkup: Checkup) -> str:
    """Return how many findings of each level there are, in one line."""
    counts = count_levels(checkup.findings)
    words = [f'{count} {level if count == 1 else level + "s"}' for level, count in counts.items()]
    return f'{counted(len(checkup.tiles), "image")}: {", ".join(words)}'


def rows(checkup: Checkup) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of the splits."""
    classes = checkup.classes.names[:MOST_CLASSES]
    more = ['...'] if len(checkup.classes.names) > MOST_CLASSES else []
    head = ['split', 'images', 'labels', *(f'{name} %' for name in classes), *more]
    body = []
    for summary in checkup.summaries:
        labelled = sum(summary.pixels) + summary.ignored
        shares = [f'{100 * share:.2f}' if share == share else '-' for share in summary.shares[: len(classes)]]
        ignored = f'{100 * summary.ignored / labelled:.2f}' if labelled else '-'
        counts = [summary.split, str(summary.images), str(summary.labels)]
        body.append([*counts, *shares, *more, ignored, f'{100 * summary.nodata:.2f}'])
    return [*head, 'ignored %', 'no data %'], body


def form_lines(checkup: Checkup) -> Iterator[str]:
    """Yield the sizes of the images, and the kinds of label files with the values or colours in them, of each split."""
    for summary in checkup.summaries:
        sizes = [f'{count} of {width}x{height}' for (height, width), count in summary.sizes.items()]
        yield f'{summary.split} images (width x height): {first_of(sizes)}'
        if summary.forms:
            kinds = ', '.join(f'{count} {kind}' for kind, count in summary.forms.items())
            values = [f'{value} in {count}' for value, count in summary.values.items()]
            yield f'{summary.split} labels: {kinds}; values: {first_of(values, limit=MOST_VALUES)}'
