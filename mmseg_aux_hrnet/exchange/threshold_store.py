"""Stores a threshold in a checkpoint, so that it is used wherever the checkpoint is."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.decision import Threshold, parse_value
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, DataError
from mmseg_aux_hrnet.report.metrics_file import read_report
from mmseg_aux_hrnet.weights import read_checkpoint
from mmseg_aux_hrnet.weights.writing import check_target, checkpoint_bytes, write_file


class ChosenThreshold(NamedTuple):
    """A threshold that a report names as the best, and what it was chosen on.

    Attributes:
        threshold: the threshold.
        value: the figure that is highest there.
        data_list: list of the images; None where the report names none.
        checkpoint_sha256: SHA-256 of the model; None where the report names none.
    """

    threshold: Threshold
    value: float
    data_list: str | None
    checkpoint_sha256: str | None


def best_of_report(path: Path, *, figure: str) -> ChosenThreshold:
    """Return the best threshold by a figure, from the report that ``tools/test.py --report`` wrote.

    Args:
        path: the report's folder, or its ``metrics.json``.
        figure: ``iou``, ``f1`` or ``kappa``.

    Raises:
        DataError: there is no such report, or it has no best threshold.
    """
    report = read_report(path)
    sweep = report.get('threshold_sweep')
    if sweep is None:
        raise DataError(f'{path} holds no sweep of thresholds: write it with tools/test.py --report, for two classes')
    try:
        best, run = sweep['best'][figure], report['run']
        if best is None:
            raise DataError(f'{path}: {figure} is undefined at every threshold, so none is best')
        threshold = Threshold(str(sweep['class']), parse_value(best['threshold']))
        return ChosenThreshold(threshold, float(best['value']), run.get('data_list'), run.get('checkpoint_sha256'))
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise DataError(f'{path} is not whole ({type(error).__name__} {error}): write the report again') from error


def store_threshold(source: Path, target: Path, threshold: Threshold, *, overwrite: bool) -> None:
    """Write a copy of a checkpoint that holds a threshold, in ``meta['threshold']``; all else stays.

    Raises:
        CheckpointError: the source is no checkpoint of two classes with this one among them, or the target exists, is
            of another format, or cannot be written.
    """
    check_target(target, source=source, overwrite=overwrite)
    if target.suffix != source.suffix:
        raise CheckpointError(f'{target} is of another format than {source}: let it end in {source.suffix}')
    content = read_checkpoint(source)
    meta = content.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    classes = (meta.get('dataset_meta') or {}).get('classes')
    if not classes:
        raise CheckpointError(f'{source} does not name its classes: give a checkpoint that tools/train.py wrote')
    if len(classes) != 2 or threshold.class_name not in classes:
        raise CheckpointError(
            f'{source} tells {len(classes)} classes ({", ".join(classes)}): a threshold of {threshold.class_name} '
            'needs two, and this one among them'
        )
    content = {**content, 'meta': {**meta, 'threshold': threshold.record()}}
    write_file(target, checkpoint_bytes(content, suffix=target.suffix))


def check_same_model(chosen: ChosenThreshold, source: Path) -> None:
    """Raise where a threshold was chosen for another model than the one in ``source``.

    Raises:
        CheckpointError: the files differ, or the source cannot be read.
    """
    try:
        digest = sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(
            f'{source} cannot be read ({error.strerror}): give the path of a .pth checkpoint'
        ) from error
    if chosen.checkpoint_sha256 not in (None, digest):
        raise CheckpointError(
            f'{source} is not the checkpoint of the report: use that one, or say which with --threshold and --class'
        )
