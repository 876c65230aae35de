"""What a report adds to the table of rates, on the screen: intervals and boundary figures."""

import math
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

OVERALL = {'oa': 'OA', 'miou': 'mIoU', 'macc': 'mAcc', 'mdice': 'mDice', 'fwiou': 'FWIoU'}
COEFFICIENTS = {'kappa': 'kappa', 'mcc': 'MCC'}


def summary_table(metrics: Mapping[str, Any]) -> Table:
    """Lay out one row a class, and the rates over all classes below; no wider than 80 columns but for long names.

    Args:
        metrics: the content of ``metrics.json``, with nan or None where undefined.
    """
    bounds = metrics['intervals']['values']
    table = Table(box=box.SIMPLE_HEAD, caption=_caption(metrics), caption_style='', caption_justify='left')
    table.add_column('class', overflow='fold')
    for heading in ('IoU', 'F1', 'boundary\nF1 / IoU'):
        table.add_column(heading, justify='right', no_wrap=True)
    for row in metrics['classes']:
        name, marked = row['name'], row['name'] == metrics['class_of_interest']
        rates = [_with_bounds(row[key], bounds[f'{heading}.{name}']) for key, heading in (('iou', 'IoU'), ('f1', 'F1'))]
        outlines = f'{number(row["boundary_f1"])} / {number(row["boundary_iou"])}'
        # As Text, because a class name may hold square brackets, which are markup in plain strings.
        cells = map(Text, [f'{name} *' if marked else name, *rates, outlines])
        table.add_row(*cells, style='bold green' if marked else None)
    return table


def number(value: float | None, *, digits: int = 2) -> str:
    """Return a number to read; a dash where undefined."""
    return '-' if value is None or math.isnan(value) else f'{value:.{digits}f}'


def _with_bounds(value: float | None, bounds: list[float | None], *, digits: int = 2) -> str:
    low, high = (number(end, digits=digits) for end in bounds)
    return f'{number(value, digits=digits)} ({low} to {high})'


def _caption(metrics: Mapping[str, Any]) -> Text:
    spread, overall = metrics['intervals'], metrics['overall']
    bounds = spread['values']
    lines = [f'{name:<6} {_with_bounds(overall[key], bounds[name])}' for key, name in OVERALL.items()]
    lines += [f'{name:<6} {_with_bounds(overall[key], bounds[name], digits=4)}' for key, name in COEFFICIENTS.items()]
    note = f'\n(from to): {spread["level"]} % bootstrap interval over {len(metrics["images"]):,} image(s)'
    tolerance = metrics['boundary']['tolerance_pixels']
    if tolerance is not None:
        note += f'\nboundary: of all contours, within {tolerance:g} pixels'
    return Text('\n'.join(lines), style='bold').append(note, style='not bold')
