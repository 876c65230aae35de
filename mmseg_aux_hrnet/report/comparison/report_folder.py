"""Reads the ``metrics.json`` of a report folder, strictly: what is compared must be what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.report.metrics_file import METRICS_FILE, WAY, read_report


@dataclass(frozen=True)
class Run:
    """What one report says of one run.

    Attributes:
        folder: the report folder.
        config: name of the config, empty where the report is of predictions without one.
        checkpoint: name of the checkpoint, empty where the report is of predictions without one.
        checkpoint_sha256: its hash, empty where there is none.
        threshold: by which one of two classes was predicted; None for the most probable class.
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
    counts: npt.NDArray[np.int64]


def read_run(folder: str | Path) -> Run:
    """Read the report in a folder.

    Raises:
        DataError: there is none, it is of another format, a number is missing or not what it must be, or its counts
            contradict each other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'{folder} is no folder, so it is no report: {WAY}')
    content = read_report(folder)
    try:
        return _run(folder, content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f'{type(error).__name__}: {error}'
        raise DataError(
            f'{folder / METRICS_FILE} is damaged or was edited ({reason}): write the report again'
        ) from error


def _run(folder: Path, content: Mapping[str, Any]) -> Run:
    classes = tuple(_text(entry['name']) for entry in content['classes'])
    images = sorted(content['images'], key=lambda entry: _text(entry['name']))
    names = tuple(entry['name'] for entry in images)
    if not names or not classes or len(set(names)) != len(names) or len(set(classes)) != len(classes):
        raise ValueError(f'{len(set(names))} different images and {len(set(classes))} classes of {len(names)} entries')
    counts = np.stack([_counts(entry['counts'], size=len(classes)) for entry in images])
    if not np.array_equal(counts.sum(axis=0), _counts(content['confusion_matrix'], size=len(classes))):
        raise ValueError('the confusion matrix is not the sum of the counts of the images')
    of_interest, threshold = content['class_of_interest'], content['run']['threshold']
    if of_interest is not None and of_interest not in classes:
        raise ValueError(f'the class of interest {of_interest!r} is no class')
    return Run(
        folder=folder,
        config=_text(content['run'].get('config') or ''),
        checkpoint=_text(content['run'].get('checkpoint') or ''),
        checkpoint_sha256=_text(content['run'].get('checkpoint_sha256') or ''),
        threshold=None if threshold is None else Threshold(_text(threshold['class']), float(threshold['value'])),
        classes=classes,
        class_of_interest=of_interest,
        images=names,
        counts=counts,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is no text')
    return value


def _counts(rows: object, *, size: int) -> npt.NDArray[np.int64]:
    counts = np.array(rows)
    if counts.shape != (size, size) or counts.dtype.kind != 'i' or (counts < 0).any():
        raise ValueError(f'counts of shape {counts.shape} and type {counts.dtype} for {size} classes')
    return counts.astype(np.int64)
