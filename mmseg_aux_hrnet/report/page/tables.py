"""What a report says in its summary and its tables, out of ``metrics.json``."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg_aux_hrnet.report.page.choice import class_colours

UNDEFINED = '–'  # noqa: RUF001  # an en dash, as in printed tables

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


Metrics = Mapping[str, Any]

CLASS_RATES = {'IoU': 'iou', 'F1': 'f1', 'Precision': 'precision', 'Recall': 'recall'}
# name: (key, decimals, meaning)
OVERALL = {
    'OA': ('oa', 2, 'overall accuracy: share of the pixels whose class is right'),
    'mIoU': ('miou', 2, 'mean IoU over the classes that are not absent'),
    'mAcc': ('macc', 2, 'mean recall over the classes with reference pixels'),
    'mDice': ('mdice', 2, 'mean F1 over the classes that are not absent'),
    'FWIoU': ('fwiou', 2, 'IoU of the classes weighted by their reference pixels'),
    'balanced accuracy': ('balanced_accuracy', 2, 'mean recall, as scikit-learn computes it'),
    'kappa': ('kappa', 4, "Cohen's coefficient, -1 to 1: agreement beyond chance"),
    'MCC': ('mcc', 4, "Matthews' correlation coefficient, -1 to 1"),
}
CARDS = ('mIoU', 'OA', 'kappa', 'MCC')
STRONG = 55  # percent of shade from which text on it is white


def cards(metrics: Metrics) -> list[dict[str, Any]]:
    """Return the figures of the summary: those of the class of interest, then those over all classes."""
    name = metrics['class_of_interest']
    out = []
    for row in metrics['classes']:
        if row['name'] == name:
            out = [_card(metrics, f'{rate}.{name}', f'{rate} of {name}', row[key]) for rate, key in CLASS_RATES.items()]
    for title in CARDS:
        key, digits, _ = OVERALL[title]
        out.append(_card(metrics, title, title, metrics['overall'][key], digits=digits))
    return out


def class_rows(metrics: Metrics) -> list[dict[str, Any]]:
    """Return the rows of the table of classes."""
    return [
        {
            'name': row['name'],
            'colour': css_colour(colour),
            'of_interest': row['name'] == metrics['class_of_interest'],
            'rates': [
                (number(row[key]), span(_interval(metrics, f'{rate}.{row["name"]}')))
                for rate, key in CLASS_RATES.items()
            ],
            'boundary': [number(row['boundary_f1']), number(row['boundary_iou'])],
            'pixels': [count(row['support']), count(row['predicted'])],
        }
        for row, colour in zip(metrics['classes'], class_colours(metrics), strict=True)
    ]


def overall_rows(metrics: Metrics) -> list[dict[str, str]]:
    """Return the rows of the table over all classes."""
    return [
        {
            'name': name,
            'value': number(metrics['overall'][key], digits),
            'interval': span(_interval(metrics, name), digits),
            'meaning': meaning,
        }
        for name, (key, digits, meaning) in OVERALL.items()
    ]


def matrix_rows(metrics: Metrics) -> list[dict[str, Any]]:
    """Return the rows of the confusion matrix: counts, and their shares of the row where there are any."""
    rows = []
    for row, counts in zip(metrics['classes'], metrics['confusion_matrix'], strict=True):
        cells = [_cell(part, share=100 * part / max(sum(counts), 1)) for part in counts]
        rows.append({'name': row['name'], 'cells': cells})
    return rows


def _cell(part: int, *, share: float) -> dict[str, Any]:
    kind = 'none' if part == 0 else 'strong' if share > STRONG else ''
    return {'count': count(part), 'share': number(share) if part else '', 'shade': round(share), 'kind': kind}


def boundary_note(metrics: Metrics) -> str:
    """Return what the boundary figures tolerate."""
    boundary = metrics['boundary']
    if boundary['tolerance_pixels'] is None:
        return ''
    metres = boundary['tolerance_metres']
    known = '' if metres is None else f', {number(metres)} m at {number(boundary["gsd"], 3)} m a pixel'
    return f'Boundaries agree within {boundary["tolerance_pixels"]:g} pixels{known}.'


def interval_note(metrics: Metrics) -> str:
    """Return how the intervals were made."""
    return f'Small figures are intervals: {metrics["intervals"]["method"]}.'


def headings(metrics: Metrics) -> dict[str, Any]:
    """Return what the top of the page says: what was tested, on what, when."""
    run = metrics['run']
    weights = run['checkpoint']
    facts = {
        'Config': run['config'],
        'Data': run['data_list'],
        'Images': f'{count(run["images"])}, with {count(metrics["overall"]["pixels"])} counted pixels',
        'Threshold': None if run['threshold'] is None else '{class} from {value:g}'.format(**run['threshold']),
        'Date': run['date'].replace('T', ' '),
    }
    return {
        'title': 'written predictions' if weights is None else Path(weights).name,
        'facts': {name: value for name, value in facts.items() if value is not None},
    }


def provenance(metrics: Metrics) -> list[tuple[str, str]]:
    """Return name and value of everything that the figures depend on."""
    run = metrics['run']
    rows = [('Command', shlex.join(map(str, run['command']))), ('Date', run['date']), ('Device', run['device'])]
    for title, key in (('Config', 'config'), ('Checkpoint', 'checkpoint'), ('Data list', 'data_list')):
        rows += [(title, run[key]), (f'{title}, SHA-256', run[f'{key}_sha256'])]
    versions = ', '.join(f'{name} {version}' for name, version in run['versions'].items())
    rows += [('Work folder', run['work_dir']), ('Versions', versions)]
    return [(name, str(value)) for name, value in rows if value is not None]


def _interval(metrics: Metrics, name: str) -> Interval:
    interval: Interval = metrics['intervals']['values'].get(name)
    return interval


def _card(metrics: Metrics, key: str, title: str, value: float | None, *, digits: int = 2) -> dict[str, Any]:
    interval = _interval(metrics, key)
    text = span(interval, digits)
    level = f'{metrics["intervals"]["level"]} % interval {text}' if text else 'no interval'
    unit = '%' if digits == 2 and value is not None else ''
    card: dict[str, Any] = {
        'name': title,
        'value': number(value, digits),
        'unit': unit,
        'interval': level,
        'track': None,
    }
    if text and value is not None and interval is not None:
        scale = 1 if digits == 2 else 100
        low, high = (min(max(scale * (end or 0), 0), 100) for end in interval)
        card['track'] = {'low': round(low, 2), 'width': round(high - low, 2)}
    return card
