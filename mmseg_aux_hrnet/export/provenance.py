"""Where a model comes from and how good it was found to be: hashes and figures."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmseg_aux_hrnet.errors import DataError

CLASS_FIGURES = ('iou', 'f1', 'precision', 'recall')


def best_score(content: dict[str, Any], *, name: str) -> dict[str, Any] | None:
    """Return the validation figure of a checkpoint that was saved for it, None for any other checkpoint.

    Only ``best_FIGURE_iter_N.pth`` is saved right after its validation; the last figures in other checkpoints are
    those of weights before.
    """
    hub = content.get('message_hub')
    notes = hub.get('runtime_info', {}) if isinstance(hub, dict) else {}
    score, path = notes.get('best_score'), notes.get('best_ckpt')
    figure = name.removeprefix('best_').rpartition('_iter_')[0] or name.removeprefix('best_').rpartition('_epoch_')[0]
    if score is None or not path or Path(path).name != name or not figure:
        return None
    return {'data': 'validation', figure: round(float(score), 4)}


def config_sha256(config: Config) -> str:
    """Return the SHA-256 of the merged config, whichever files it came from."""
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open('rb') as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def report_metrics(path: Path, *, checkpoint_sha256: str) -> dict[str, Any]:
    """Return the figures of an evaluation report's ``metrics.json``.

    Raises:
        DataError: the file is no such report, or one of another checkpoint.
    """
    try:
        report = json.loads(path.read_text(encoding='utf-8'))
        run, overall, classes = report['run'], report['overall'], report['classes']
        figures = {row['name']: {key: row[key] for key in CLASS_FIGURES} for row in classes}
        measured = {'data': run['data_list'], 'images': run['images']}
        of_other = run['checkpoint_sha256'] != checkpoint_sha256
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'--metrics {path} is no metrics.json of an evaluation report ({type(error).__name__}: {error}): '
            'write one with tools/test.py --report DIR'
        ) from error
    if of_other:
        raise DataError(f'--metrics {path} was measured with another checkpoint: test this one with --report DIR')
    return {**measured, 'overall': overall, 'classes': figures}
