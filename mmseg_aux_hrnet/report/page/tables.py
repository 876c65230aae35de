"""The summary and the tables of a report, from ``metrics.json``."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.evaluation import metrics
from mmseg_aux_hrnet.evaluation.metrics import IOU_FIRST, Metric
from mmseg_aux_hrnet.report.metrics_file import Report
from mmseg_aux_hrnet.report.page.overlays import class_colours

UNDEFINED = '–'  # noqa: RUF001  # an en dash, as in printed tables
# The coefficients last, with more decimals than the percentages above them.
OVERALL = sorted(metrics.OVERALL_METRICS, key=lambda metric: not metric.percent)
CARDS = (metrics.MIOU, metrics.OA, metrics.KAPPA, metrics.MCC)
STRONG = 55  # percent of shade from which text on it is white

Interval = Sequence[float | None] | None


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure with a fixed count of decimals, a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    return f'{value:,.{digits}f}'


def count(value: int | None) -> str:
    """Return a count with its thousands apart, a dash where there is none."""
    return UNDEFINED if value is None else f'{value:,}'


def span(interval: Interval, digits: int = 2) -> str:
    """Return an interval as ``low to high``, nothing where there is none."""
    if interval is None or any(end is None for end in interval):
        return ''
    return ' to '.join(number(end, digits) for end in interval)


def css_colour(parts: Sequence[int]) -> str:
    """Return a colour, red, green and blue 0..255, as CSS."""
    red, green, blue = (int(part) for part in parts)
    return f'rgb({red},{green},{blue})'


def cards(report: Report) -> list[dict[str, Any]]:
    """Return the figures of the summary: those of the class of interest, then those over all classes."""
    name, ends = report['class_of_interest'], report['intervals']['values']
    given: list[tuple[Metric[Any], str, float | None, Interval]] = []
    for row in report['classes']:
        if row['name'] == name:
            given = [(one, f'{one.title} of {name}', row[one.key], ends[f'{one.title}.{name}']) for one in IOU_FIRST]
    given += [(one, one.title, report['overall'][one.key], ends[one.title]) for one in CARDS]
    out = []
    for metric, title, value, interval in given:
        text = span(interval, metric.digits)
        track = None
        if text and value is not None and interval is not None:
            # Coefficients may be negative, which the track of 0 to 100 % leaves out.
            low, high = (min(max((1 if metric.percent else 100) * (end or 0), 0), 100) for end in interval)
            track = {'low': round(low, 2), 'width': round(high - low, 2)}
        out.append(
            {
                'name': title,
                'value': metric.text(value, undefined=UNDEFINED),
                'unit': '%' if metric.percent and value is not None else '',
                'interval': f'{report["intervals"]["level"]} % interval {text}' if text else 'no interval',
                'track': track,
            }
        )
    return out


def class_rows(report: Report) -> list[dict[str, Any]]:
    """Return the rows of the table of classes."""
    ends = report['intervals']['values']
    return [
        {
            'name': row['name'],
            'colour': css_colour(colour),
            'of_interest': row['name'] == report['class_of_interest'],
            'rates': [
                (one.text(row[one.key], undefined=UNDEFINED), span(ends[f'{one.title}.{row["name"]}'], one.digits))
                for one in IOU_FIRST
            ],
            'boundary': [one.text(row[one.key], undefined=UNDEFINED) for one in metrics.BOUNDARY_METRICS],
            'pixels': [count(row['support']), count(row['predicted'])],
        }
        for row, colour in zip(report['classes'], class_colours(report), strict=True)
    ]


def overall_rows(report: Report) -> list[dict[str, str]]:
    """Return the rows of the table over all classes."""
    return [
        {
            'name': one.title,
            'value': one.text(report['overall'][one.key], undefined=UNDEFINED),
            'interval': span(report['intervals']['values'][one.title], one.digits),
            'meaning': one.meaning,
        }
        for one in OVERALL
    ]


def matrix_rows(report: Report) -> list[dict[str, Any]]:
    """Return the rows of the confusion matrix: counts, and their shares of the row where there are any."""
    rows = []
    for row, counts in zip(report['classes'], report['confusion_matrix'], strict=True):
        cells = []
        # Shares of the row are the recall and the misses of its class, with any size of the others.
        for pixels in counts:
            share = 100 * pixels / max(sum(counts), 1)
            kind = 'none' if pixels == 0 else 'strong' if share > STRONG else ''
            text = number(share) if pixels else ''
            cells.append({'count': count(pixels), 'share': text, 'shade': round(share), 'kind': kind})
        rows.append({'name': row['name'], 'cells': cells})
    return rows


def boundary_note(report: Report) -> str:
    """Return what the boundary figures tolerate."""
    boundary = report['boundary']
    if boundary['tolerance_pixels'] is None:
        return ''
    metres = boundary['tolerance_metres']
    known = '' if metres is None else f', {number(metres)} m at {number(boundary["gsd"], 3)} m a pixel'
    return f'Boundaries agree within {boundary["tolerance_pixels"]:g} pixels{known}.'


def headings(report: Report) -> dict[str, Any]:
    """Return what the top of the page says: what was tested, on what, when."""
    run = report['run']
    weights = run['checkpoint']
    facts = {
        'Config': run['config'],
        'Data': run['data_list'],
        'Images': f'{count(run["images"])}, with {number(report["overall"]["pixels"], 0)} counted pixels',
        'Threshold': None if run['threshold'] is None else '{class} from {value:g}'.format(**run['threshold']),
        'Date': run['date'].replace('T', ' '),  # ISO 8601 joins date and time with a T, which is hard to read
    }
    return {
        'title': 'written predictions' if weights is None else Path(weights).name,
        'facts': {name: value for name, value in facts.items() if value is not None},
    }


def provenance(report: Report) -> list[tuple[str, str]]:
    """Return name and value of everything that the figures depend on."""
    run = report['run']
    rows = [
        ('Command', shlex.join(map(str, run['command']))),
        ('Date', run['date']),
        ('Device', run['device']),
        ('Config', run['config']),
        ('Config, SHA-256', run['config_sha256']),
        ('Checkpoint', run['checkpoint']),
        ('Checkpoint, SHA-256', run['checkpoint_sha256']),
        ('Data list', run['data_list']),
        ('Data list, SHA-256', run['data_list_sha256']),
        ('Work folder', run['work_dir']),
        ('Versions', ', '.join(f'{name} {version}' for name, version in run['versions'].items())),
    ]
    return [(name, value) for name, value in rows if value is not None]
