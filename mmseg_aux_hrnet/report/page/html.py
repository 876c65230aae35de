"""Writes the report of a test as one HTML file that opens without a network and refuses to use one."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mmseg_aux_hrnet.files.whole import write_whole
from mmseg_aux_hrnet.report.page import charts, gallery, tables
from mmseg_aux_hrnet.report.page.choice import colours_note
from mmseg_aux_hrnet.report.page.tables import number
from mmseg_aux_hrnet.report.page.tiles import Tile
from mmseg_aux_hrnet.report.page.training_log import TrainingLog

Metrics = Mapping[str, Any]

TEMPLATE = Path(__file__).parent / 'template'
SECTIONS = {
    'summary': 'Summary',
    'figures': 'Figures',
    'matrix': 'Confusion',
    'curves': 'Training',
    'threshold': 'Threshold',
    'gallery': 'Tiles',
    'images': 'Images',
    'run': 'How it was made',
}


def write_html(path: str | Path, *, metrics: Metrics, tiles: Mapping[int, Tile], log: TrainingLog) -> None:
    """Write the report of a test.

    Every text of a user's is escaped, and the page's policy lets a browser run nothing but the script that is written
    here and load nothing from anywhere.

    Args:
        path: the file to write; it appears whole or not at all.
        metrics: content of ``metrics.json``.
        tiles: what to show, by the place of the image in the metrics' list.
        log: curves of the training.

    Raises:
        OSError: the file cannot be written.
    """
    # jinja2 escapes what it fills in, so that nobody has to remember it; torch brings it.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE, encoding='utf-8'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies['json.dumps_kwargs'] = {'separators': (',', ':'), 'allow_nan': False}
    page = environment.get_template('report.html.jinja').render(_content(metrics, tiles, log))
    write_whole(path, page.encode('utf-8', errors='replace'))


def _content(metrics: Metrics, tiles: Mapping[int, Tile], log: TrainingLog) -> dict[str, Any]:
    script = (TEMPLATE / 'report.js').read_text(encoding='utf-8')
    rows, table_note = gallery.table(metrics, tiles)
    sweep = metrics['threshold_sweep']
    return {
        'policy': _policy(script),
        'style': Markup((TEMPLATE / 'report.css').read_text(encoding='utf-8')),
        'script': Markup(script),
        'sections': {key: name for key, name in SECTIONS.items() if sweep or key != 'threshold'},
        'heading': tables.headings(metrics),
        'rules': metrics['rules'],
        'cards': tables.cards(metrics),
        'rates': list(tables.CLASS_RATES),
        'classes': tables.class_rows(metrics),
        'overall': tables.overall_rows(metrics),
        'matrix': tables.matrix_rows(metrics),
        'interval_note': tables.interval_note(metrics),
        'boundary_note': tables.boundary_note(metrics),
        'provenance': tables.provenance(metrics),
        'log': log,
        'training': _picture(charts.training_chart(log)) if log.loss is not None or log.figures else None,
        'threshold': _threshold(sweep) if sweep else None,
        'groups': gallery.groups(metrics, tiles),
        'views': gallery.VIEWS,
        'legends': gallery.legends(metrics),
        'colours_note': colours_note(metrics),
        'gallery_note': gallery.gallery_note(metrics, tiles),
        'table': rows,
        'table_note': table_note,
    }


def _policy(script: str) -> str:
    """Return the page's content security policy: no network, no script but this one."""
    digest = base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _threshold(sweep: Mapping[str, Any]) -> dict[str, Any]:
    name = sweep['class']
    drawn = (
        (
            charts.threshold_chart,
            f'Figures over the threshold on {name}',
            'Figures over the threshold.',
        ),
        (charts.precision_recall_chart, f'Precision over recall of {name}', 'Precision over recall.'),
        (
            charts.reliability_chart,
            f'Observed share over predicted probability of {name}, and pixels of every bin',
            'Calibration: what share of the pixels of a predicted probability are of the class.',
        ),
    )
    best = [
        (name, number(one['threshold'], 3), number(one['value'], digits))
        for key, name, digits in (('iou', 'IoU, %', 2), ('f1', 'F1, %', 2), ('kappa', 'kappa', 4))
        if (one := sweep['best'].get(key)) is not None
    ]
    return {
        'class': name,
        'best': best,
        'average_precision': number(sweep['average_precision'], 4),
        'calibration_error': number(sweep['ece'], 4),
        'charts': [{'src': _picture(draw(sweep)), 'alt': alt, 'caption': text} for draw, alt, text in drawn],
    }


def _picture(svg: bytes) -> str:
    return f'data:image/svg+xml;base64,{base64.b64encode(svg).decode("ascii")}'
