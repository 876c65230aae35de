"""Reads the ``metrics.json`` of a report folder, strictly: the compared figures must be the measured ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import DataError, counted
from mmseg_aux_hrnet.evaluation.confusion import Counts
from mmseg_aux_hrnet.report.metrics_file import METRICS_FILE, WAY, read_report


@dataclass(frozen=True)
class Run:
    """What one report says of one run.

    Attributes:
        folder: the report folder.
        config: name of the config, empty where the report is of predictions without one.
        checkpoint: name of the checkpoint, empty where the report is of predictions without one.
        checkpoint_sha256: its hash, empty where there is none.
        threshold: threshold of the predictions of two classes; None for the most probable class.
        classes: names, in the order of the counts.
        class_of_interest: one of them, or None.
        images: names of the images, sorted.
        counts: pixel counts of every image, int64 (N, C, C); rows are the reference, columns the prediction.
    """

    folder: Path
    config: str
    checkpoint: str
    checkpoint_sha256: str
    threshold: Threshold | None
    classes: tuple[str, ...]
    class_of_interest: str | None
    images: tuple[str, ...]
    counts: Counts


def read_run(folder: str | Path) -> Run:
    """Read the report in a folder.

    Raises:
        DataError: there is none, it is of another format, a number is missing or not what it must be, or its counts
            contradict each other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'{folder} is not a folder, so it is not a report: {WAY}')
    report = read_report(folder, parts=('run', 'classes', 'class_of_interest', 'images', 'confusion_matrix'))
    # In the order of the names, so that the images of two reports are in the same one.
    rows = sorted(report['images'], key=lambda row: row['name'])
    classes, names = tuple(row['name'] for row in report['classes']), tuple(row['name'] for row in rows)
    run, of_interest = report['run'], report['class_of_interest']
    chosen = run['threshold']
    try:
        if not names or not classes or len(set(names)) != len(names) or len(set(classes)) != len(classes):
            found = f'{len(set(names))} different images and {len(set(classes))} classes'
            raise ValueError(f'{found} of {len(names)} entries')
        counts = np.stack([_counts(row['counts'], size=len(classes)) for row in rows])
        if not np.array_equal(counts.sum(axis=0), _counts(report['confusion_matrix'], size=len(classes))):
            raise ValueError('the confusion matrix is not the sum of the counts of the images')
        if of_interest is not None and of_interest not in classes:
            raise ValueError(f'the class of interest {of_interest!r} is not a class')
        threshold = None if chosen is None else Threshold(chosen['class'], float(chosen['value']))
    except (ValueError, OverflowError) as error:  # JSON holds numbers of any length, which a float does not
        raise DataError(
            f'{folder / METRICS_FILE} is damaged or was edited ({error}): write the report again'
        ) from error
    return Run(
        folder=folder,
        config=run['config'] or '',
        checkpoint=run['checkpoint'] or '',
        checkpoint_sha256=run['checkpoint_sha256'] or '',
        threshold=threshold,
        classes=classes,
        class_of_interest=of_interest,
        images=names,
        counts=counts,
    )


def _counts(rows: list[list[int]], *, size: int) -> Counts:
    counts = np.array(rows)
    if counts.shape != (size, size) or counts.dtype.kind != 'i' or (counts < 0).any():
        raise ValueError(f'counts of shape {counts.shape} and type {counts.dtype} for {counted(size, "class")}')
    return counts.astype(np.int64)
