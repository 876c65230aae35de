"""Reads the curves of a training out of the files that mmengine leaves in its work dir."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmseg_aux_hrnet.evaluation.metrics import IOU, MIOU, OA
from mmseg_aux_hrnet.visualization import Curve

SCALARS = '*/vis_data/scalars.json'  # one folder a start, named by its time


class TrainingLog(NamedTuple):
    """The curves of a training.

    Attributes:
        loss: training loss over iterations; None where the log has none.
        figures: validation figures over iterations.
        note: where the curves come from, or why there are none.
    """

    loss: Curve | None
    figures: list[Curve]
    note: str


def read_training_log(work_dir: str | Path, *, class_of_interest: str | None) -> TrainingLog:
    """Return the curves of the training in a work dir; without any, and a note that says so, where it holds no log.

    A training that was interrupted and resumed has one log a start. A later start replaces what earlier ones logged
    from its first iteration on, as it trained those iterations again. Lines that a kill cut off are left out.

    Args:
        work_dir: folder of the training, with mmengine's ``*/vis_data/scalars.json``.
        class_of_interest: the class whose IoU is shown beside mIoU and OA; None for these two alone.
    """
    rows: list[dict[str, Any]] = []
    # Sorted by name is sorted by time, see SCALARS.
    for path in sorted(Path(work_dir).glob(SCALARS)):
        started = _read(path)
        first = min((row['iteration'] for row in started), default=math.inf)
        rows = [row for row in rows if row['iteration'] < first] + started
    loss = _curve(rows, 'loss')
    own = [] if class_of_interest is None else [f'{IOU.title}.{class_of_interest}']
    titles = [*own, MIOU.title, OA.title]
    found = [curve for title in titles if (curve := _curve(rows, title)) is not None]
    if loss is None and not found:
        return TrainingLog(None, [], f'no training log in {work_dir}')
    return TrainingLog(loss, found, f'Training log of {work_dir}')


def _read(path: Path) -> list[dict[str, Any]]:
    """Return what one start of a training logged, with the iteration of each row."""
    rows = []
    reached = 0
    for line in path.read_text(encoding='utf-8', errors='replace').splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if isinstance(row, dict) and isinstance(row.get('step'), int):
            # Where a training counts epochs, mmengine logs the epoch as the step of a validation, which is then below
            # the iterations logged before it: it gets the last of those.
            reached = max(row['step'], reached)
            rows.append({**row, 'iteration': row['step'] if 'loss' in row else reached})
    return rows


def _curve(rows: Sequence[dict[str, Any]], name: str) -> Curve | None:
    numbers = (row for row in rows if isinstance(row.get(name), (int, float)) and math.isfinite(row[name]))
    points = {row['iteration']: float(row[name]) for row in numbers}
    return Curve(name, list(points), list(points.values())) if points else None
