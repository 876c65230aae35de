"""Writes a report with its page: one HTML file that opens without a network and refuses to use one."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mmseg_aux_hrnet.evaluation.metrics import AP, BOUNDARY_METRICS, ECE, IOU_FIRST
from mmseg_aux_hrnet.evaluation.thresholds import CRITERIA
from mmseg_aux_hrnet.files.whole import write_whole
from mmseg_aux_hrnet.report.folder import report_folder, without_nan, write_figures
from mmseg_aux_hrnet.report.metrics_file import Report, Sweep
from mmseg_aux_hrnet.report.page import charts, gallery, tables
from mmseg_aux_hrnet.report.page.tables import UNDEFINED
from mmseg_aux_hrnet.report.page.tiles import PageTile, data_address
from mmseg_aux_hrnet.report.page.training_log import TrainingLog

PAGE_FILE = 'report.html'
TEMPLATE = Path(__file__).parent / 'template'
# In the order of the page: the ids of the template's sections, and their names in the navigation.
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


def write_report(
    path: str | Path, report: Report, *, overwrite: bool, tiles: Mapping[int, PageTile], log: TrainingLog
) -> None:
    """Write all files of a report to a folder.

    Args:
        path: the folder.
        report: content of ``metrics.json``, with nan where undefined.
        overwrite: whether a report that is there is replaced.
        tiles: what the page shows of images, by their place in the report's list.
        log: curves of the training.

    Raises:
        ConfigError, DataError: see :func:`~mmseg_aux_hrnet.report.folder.report_folder`.
    """
    with report_folder(path, overwrite=overwrite) as folder:
        write_figures(folder, report)
        write_html(folder / PAGE_FILE, report=without_nan(report), tiles=tiles, log=log)


def write_html(path: str | Path, *, report: Report, tiles: Mapping[int, PageTile], log: TrainingLog) -> None:
    """Write the report of a test.

    Every text of a user's is escaped, and the page's policy lets a browser run nothing but the script that is written
    here and load nothing from anywhere.

    Args:
        path: the file to write; it appears whole or not at all.
        report: content of ``metrics.json``.
        tiles: what to show, by the place of the image in the report's list.
        log: curves of the training.

    Raises:
        OSError: the file cannot be written.
    """
    # jinja2 escapes everything that it fills in; torch brings it.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE, encoding='utf-8'),
        autoescape=True,
        undefined=StrictUndefined,  # a misspelt name stops here, and is not an empty place on the page
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Without spaces: a long table of images has a megabyte of them. NaN is not JSON and would stop the page's script.
    environment.policies['json.dumps_kwargs'] = {'separators': (',', ':'), 'allow_nan': False}
    page = environment.get_template('report.html.jinja').render(_content(report, tiles, log))
    # A file name that is not UTF-8 comes from the disk with signs that cannot be written back.
    write_whole(path, page.encode('utf-8', errors='replace'))


def _content(report: Report, tiles: Mapping[int, PageTile], log: TrainingLog) -> dict[str, Any]:
    script = (TEMPLATE / 'report.js').read_text(encoding='utf-8')
    # The page may load nothing, and run no script but this one: what a user named cannot become a program.
    digest = base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    rows, table_note = gallery.table(report, tiles)
    sweep, drawn = report['threshold_sweep'], log.loss is not None or bool(log.figures)
    return {
        'policy': policy,
        'style': Markup((TEMPLATE / 'report.css').read_text(encoding='utf-8')),
        'script': Markup(script),
        # Without two classes there is no sweep of thresholds, and so no section to go to.
        'sections': {key: name for key, name in SECTIONS.items() if sweep or key != 'threshold'},
        'heading': tables.headings(report),
        'rules': report['rules'],
        'cards': tables.cards(report),
        'rates': [metric.title for metric in (*IOU_FIRST, *BOUNDARY_METRICS)],
        'classes': tables.class_rows(report),
        'overall': tables.overall_rows(report),
        'matrix': tables.matrix_rows(report),
        'interval_note': f'Small figures are intervals: {report["intervals"]["method"]}.',
        'boundary_note': tables.boundary_note(report),
        'provenance': tables.provenance(report),
        'log': log,
        'training': data_address('image/svg+xml', charts.training_chart(log)) if drawn else None,
        'threshold': _threshold(sweep) if sweep else None,
        'groups': gallery.groups(report, tiles),
        'views': gallery.VIEWS,
        'legends': gallery.legends(report),
        'gallery_note': gallery.gallery_note(report, tiles),
        'table': rows,
        'table_note': table_note,
    }


def _threshold(sweep: Sweep) -> dict[str, Any]:
    name = sweep['class']
    texts = (
        (f'Figures over the threshold on {name}', 'Figures over the threshold.'),
        (f'Precision over recall of {name}', 'Precision over recall.'),
        (
            f'Observed share over predicted probability of {name}, and pixels of every bin',
            'Calibration: what share of the pixels of a predicted probability are of the class.',
        ),
    )
    best = [
        (f'{metric.title}, %' if metric.percent else metric.title, f'{at["threshold"]:.3f}', metric.text(at['value']))
        for metric in CRITERIA
        if (at := sweep['best'].get(metric.key)) is not None
    ]
    return {
        'class': name,
        'best': best,
        'average_precision': AP.text(sweep['average_precision'], undefined=UNDEFINED),
        'calibration_error': ECE.text(sweep['ece'], undefined=UNDEFINED),
        'charts': [
            {'src': data_address('image/svg+xml', svg), 'alt': alt, 'caption': text}
            for svg, (alt, text) in zip(charts.sweep_charts(sweep), texts, strict=True)
        ],
    }
