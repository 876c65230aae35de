"""Finds the figures of a checkpoint: those of a report on this file, or else those in the log of its training."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.metrics import FWIOU, IOU_FIRST, KAPPA, MACC, MCC, MDICE, MIOU, OA
from mmseg_aux_hrnet.report.metrics_file import read_report

LOGGED = 'val/'
TIMES = ('val/time', 'val/data_time')


class Figures(NamedTuple):
    """Figures and what they were measured on.

    Attributes:
        measured: in words.
        values: by name, ``IoU.green`` for those of a class; None where there is none.
    """

    measured: str
    values: dict[str, float | None]


def reported(path: Path, *, sha256: str) -> Figures:
    """Return the figures of the ``metrics.json`` of a report.

    Args:
        path: the file.
        sha256: of the checkpoint that is published, which must be the one that was measured.

    Raises:
        DataError: it is not a report, or it is on another checkpoint.
    """
    report = read_report(path, parts=('run', 'overall', 'classes'))
    run, overall = report['run'], report['overall']
    values: dict[str, float | None] = {
        one.title: overall[one.key] for one in (OA, MIOU, MACC, MDICE, FWIOU, KAPPA, MCC)
    }
    for row in report['classes']:
        values |= {f'{one.title}.{row["name"]}': row[one.key] for one in IOU_FIRST}
    threshold = ', {class} from a probability of {value:g}'.format(**run['threshold']) if run['threshold'] else ''
    measured = f'{run["images"]} images of {run["data_list"]}, {run["date"]}{threshold}'
    found = run['checkpoint_sha256']
    if found != sha256:
        raise DataError(
            f'{path} measures a checkpoint of sha256 {found}, and this one has {sha256}: make its own report'
        )
    return Figures(measured, values)


def logged(content: Mapping[str, Any]) -> Figures | None:
    """Return the validation figures of a checkpoint's weights, or None where its log has only those of earlier ones."""
    hub, meta = content.get('message_hub'), content.get('meta')
    if not isinstance(hub, Mapping) or not isinstance(meta, Mapping):
        return None
    notes, history = hub.get('runtime_info', {}), hub.get('log_scalars', {})
    unit = 'epoch' if notes.get('max_epochs', 1) > 1 else 'iter'  # a loop over iterations counts one epoch
    # A checkpoint between two validations has figures in its log too, but they are those of earlier weights.
    if 'last_validated_at' not in notes or notes['last_validated_at'] != meta.get(unit):
        return None
    values: dict[str, float | None] = {}
    for name in history:
        if name.startswith(LOGGED) and name not in TIMES:
            value = history[name].current()
            # A log holds NaN for a figure that is undefined, such as the precision of no pixels.
            values[name.removeprefix(LOGGED)] = None if math.isnan(value) else float(value)
    words = {'iter': 'iteration', 'epoch': 'epoch'}
    return Figures(f'validation data, at {words[unit]} {meta[unit]} of training', values) if values else None
