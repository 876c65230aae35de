"""Stores a threshold in a checkpoint, so that it is used wherever the checkpoint is."""

from pathlib import Path
from typing import Literal

from mmseg_aux_hrnet.decision import Threshold, parse_value
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, DataError, counted
from mmseg_aux_hrnet.report.metrics_file import read_report
from mmseg_aux_hrnet.weights import Checkpoint
from mmseg_aux_hrnet.weights.writing import check_target, checkpoint_bytes, write_file


def best_of_report(
    path: Path, *, figure: Literal['iou', 'f1', 'kappa'], checkpoint: Checkpoint
) -> tuple[Threshold, float, str | None]:
    """Return the best threshold by a figure, from the report that ``tools/test.py --report`` wrote.

    Args:
        path: the report's folder, or its ``metrics.json``.
        figure: which one is to be the highest.
        checkpoint: what the threshold is for, ``hashed``; the report must be on this very file, where it says on which
            it is.

    Returns:
        The threshold, the figure that is highest there, and the list of the images; None where the report names none.

    Raises:
        DataError: the report cannot be read or was edited, or it has no best threshold.
        CheckpointError: the report is on another checkpoint, or the checkpoint cannot be read.
    """
    report = read_report(path, parts=('run', 'threshold_sweep'))
    run, sweep = report['run'], report['threshold_sweep']
    if sweep is None:
        raise DataError(f'{path} holds no sweep of thresholds: write it with tools/test.py --report, for two classes')
    best = sweep['best'][figure]
    if best is None:
        raise DataError(f'{path}: {figure} is undefined at every threshold, so none is best')
    try:
        threshold = Threshold(sweep['class'], parse_value(best['threshold']))
    except ConfigError as error:
        raise DataError(f'{path} is damaged or was edited ({error}): write the report again') from error
    # Another model has other probabilities, so what is best for one may be anything for the other.
    if run['checkpoint_sha256'] not in (None, checkpoint.sha256):
        raise CheckpointError(
            f'{checkpoint.path} is not the checkpoint of the report: use that one, or say which with --threshold and '
            '--class'
        )
    return threshold, best['value'], run['data_list']


def store_threshold(checkpoint: Checkpoint, target: Path, threshold: Threshold, *, overwrite: bool) -> None:
    """Write a copy of a checkpoint that holds a threshold, in ``meta['threshold']``; all else stays.

    Raises:
        CheckpointError: the source cannot be read or does not tell two classes with this one among them, or the target
            is of another format or cannot be written.
        ConfigError: the target is the source or a folder, or exists and may not be replaced.
    """
    source = checkpoint.path
    check_target(target, source=source, overwrite=overwrite)
    if target.suffix != source.suffix:
        raise CheckpointError(f'{target} is of another format than {source}: let it end in {source.suffix}')
    classes = (checkpoint.meta.get('dataset_meta') or {}).get('classes')
    if not classes:
        raise CheckpointError(f'{source} does not name its classes: give a checkpoint that tools/train.py wrote')
    if len(classes) != 2 or threshold.class_name not in classes:
        raise CheckpointError(
            f'{source} tells {counted(len(classes), "class")} ({", ".join(classes)}): a threshold of '
            f'{threshold.class_name} needs two, and this one among them'
        )
    content = {**checkpoint.content, 'meta': {**checkpoint.meta, 'threshold': threshold.record()}}
    write_file(target, checkpoint_bytes(content, suffix=target.suffix))
