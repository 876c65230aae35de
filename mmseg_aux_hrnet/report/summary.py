"""The lines that a report adds to the table of rates on the screen: intervals and boundary figures."""

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import counted
from mmseg_aux_hrnet.evaluation.metrics import BALANCED_ACCURACY, BOUNDARY_METRICS, F1, IOU, OVERALL_METRICS, Metric
from mmseg_aux_hrnet.report.metrics_file import Report, Value

# Balanced accuracy is mAcc under another name: on the screen a line is worth more than a synonym.
OVERALL = [metric for metric in OVERALL_METRICS if metric is not BALANCED_ACCURACY]


def summary_table(report: Report) -> Table:
    """Lay out one row a class, and the rates over all classes below; at most 80 columns wide, except with long names.

    Args:
        report: the content of ``metrics.json``, with nan or None where undefined.
    """
    spread, tolerance = report['intervals'], report['boundary']['tolerance_pixels']
    note = f'\n(from to): {spread["level"]} % bootstrap interval over {counted(len(report["images"]), "image")}'
    if tolerance is not None:
        note += f'\nboundary: of all contours, within {tolerance:g} pixels'
    bounds, overall = spread['values'], report['overall']
    # Six characters: the titles up to FWIoU and their values below one another.
    lines = [f'{one.title:<6} {_with_bounds(one, overall[one.key], bounds[one.title])}' for one in OVERALL]
    caption = Text('\n'.join(lines), style='bold').append(note, style='not bold')
    table = Table(box=box.SIMPLE_HEAD, caption=caption, caption_style='', caption_justify='left')
    table.add_column('class', overflow='fold')
    for heading in (IOU.title, F1.title, f'boundary\n{F1.title} / {IOU.title}'):
        table.add_column(heading, justify='right', no_wrap=True)
    for row in report['classes']:
        name, marked = row['name'], row['name'] == report['class_of_interest']
        rates = [_with_bounds(one, row[one.key], bounds[f'{one.title}.{name}']) for one in (IOU, F1)]
        outlines = ' / '.join(one.text(row[one.key]) for one in BOUNDARY_METRICS)
        # As Text, because a class name may hold square brackets, which are markup in plain strings.
        cells = map(Text, [f'{name} *' if marked else name, *rates, outlines])
        table.add_row(*cells, style='bold green' if marked else None)
    return table


def _with_bounds(metric: Metric[Any], value: Value, bounds: list[Value]) -> str:
    low, high = map(metric.text, bounds)
    return f'{metric.text(value)} ({low} to {high})'
