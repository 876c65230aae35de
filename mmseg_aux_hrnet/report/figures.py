"""The content of a report: every figure that follows from the counts of the images, as plain numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.evaluation.bootstrap import intervals, method
from mmseg_aux_hrnet.evaluation.boundary import Tolerance, boundary_rates
from mmseg_aux_hrnet.evaluation.confusion import Counts
from mmseg_aux_hrnet.evaluation.image_result import ImageResult, summed_counts
from mmseg_aux_hrnet.evaluation.metrics import OVERALL_METRICS
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates, rates_by_key
from mmseg_aux_hrnet.evaluation.thresholds import ThresholdSweep, as_json
from mmseg_aux_hrnet.report.metrics_file import ClassRow, ImageRow, Report, Sweep

LEVEL, RESAMPLES, SEED = 95, 1000, 0  # fixed, so that the same counts give the same report
RULES = (
    'All rates are taken from the pixel counts of all images together; none is a mean over images.',
    'Rates are percent, 0 to 100; kappa and MCC are -1 to 1. An undefined number is null in metrics.json, and empty in '
    'CSV files.',
    'Precision is undefined for a class that is never predicted, recall for one without reference pixels.',
    'IoU and F1 (the same as Dice) are 0 for a class that is there but never predicted, and undefined for an absent '
    'class: one with neither reference nor predicted pixels.',
    'mIoU and mDice are plain means over the classes that are not absent; mAcc is the mean recall of the classes with '
    'reference pixels, which is also called balanced accuracy; FWIoU weighs IoU by reference pixels.',
    'kappa is undefined where chance alone agrees everywhere, MCC where reference or prediction is of one class only.',
    'Boundary figures count the contours of all images together. The edge of an image and of ignored pixels is not a '
    'contour. Boundary F1 is undefined for a class without a contour in both maps, and 0 for one in only one of them.',
)


@dataclass(frozen=True)
class Measured:
    """All that was measured in one run.

    Attributes:
        images: the counts of every image, at least one.
        classes: the classes that they are about.
        tolerance: how near contours had to be; None where contours were not counted.
        ignore_index: label value of the pixels that did not count.
        sweep: what a threshold on the probability of one of two classes does; None where it was not measured.
    """

    images: Sequence[ImageResult]
    classes: Classes
    tolerance: Tolerance | None
    ignore_index: int
    sweep: ThresholdSweep | None = None


def report_figures(measured: Measured) -> Report:
    """Return all parts of ``metrics.json`` but ``run``; nan where undefined."""
    names, distance = measured.classes.names, measured.tolerance
    counts = summed_counts(measured.images, num_classes=len(names))
    overall = overall_rates(counts)
    options = {'resamples': RESAMPLES, 'seed': SEED, 'level': LEVEL}
    each = np.stack([image.counts for image in measured.images])
    ends = intervals(each, rates=partial(rates_by_key, names=names), **options)
    return {
        'classes': _class_rows(measured, counts),
        'class_of_interest': measured.classes.name_of_interest,
        'overall': {
            **{metric.key: getattr(overall, metric.key) for metric in OVERALL_METRICS},
            'pixels': overall.pixels,
        },
        'intervals': {
            'level': LEVEL,
            'resamples': RESAMPLES,
            'seed': SEED,
            'method': method(images=len(measured.images), **options),
            'values': {key: list(both) for key, both in ends.items()},
        },
        'boundary': {
            'tolerance_pixels': None if distance is None else distance.pixels,
            'tolerance_metres': None if distance is None else distance.metres,
            'gsd': None if distance is None else distance.gsd,
        },
        'rules': [*RULES, f'Pixels with the label {measured.ignore_index} are ignored, with any prediction.'],
        'confusion_matrix': counts.tolist(),
        'images': _image_rows(measured),
        'threshold_sweep': None if measured.sweep is None else cast(Sweep, as_json(measured.sweep)),
    }


def _class_rows(measured: Measured, counts: Counts) -> list[ClassRow]:
    names, palette = measured.classes.names, measured.classes.palette
    contours = [image.boundary for image in measured.images if image.boundary is not None]
    # Reports always have these keys: who reads them need not ask whether contours were counted.
    outlines = [(math.nan, math.nan)] * len(names)
    if contours and len(contours) == len(measured.images):
        outlines = boundary_rates(np.asarray(np.sum(contours, axis=0), np.int64))
    return [
        {
            'name': name,
            'color': None if palette is None else list(palette[index]),
            'precision': rates.precision,
            'recall': rates.recall,
            'iou': rates.iou,
            'f1': rates.f1,
            'support': rates.support,
            'predicted': rates.predicted,
            'boundary_f1': outlines[index][0],
            'boundary_iou': outlines[index][1],
        }
        for index, (name, rates) in enumerate(zip(names, class_rates(counts), strict=True))
    ]


def _image_rows(measured: Measured) -> list[ImageRow]:
    paths = [Path(image.image) for image in measured.images]
    often = Counter(path.stem for path in paths)
    # The path where a stem is there twice; with forward slashes, as reports of different systems are compared by names.
    names = [path.stem if often[path.stem] == 1 else path.as_posix() for path in paths]
    rows: list[ImageRow] = []
    for name, image in zip(names, measured.images, strict=True):
        overall = overall_rates(image.counts)
        rates = dict(zip(measured.classes.names, class_rates(image.counts), strict=True))
        rows.append(
            {
                'name': name,
                'image': image.image,
                'label': image.label,
                'counts': image.counts.tolist(),
                'oa': overall.oa,
                'miou': overall.miou,
                'iou': {key: value.iou for key, value in rates.items()},
                'f1': {key: value.f1 for key, value in rates.items()},
                'precision': {key: value.precision for key, value in rates.items()},
                'recall': {key: value.recall for key, value in rates.items()},
                'pixels': overall.pixels,
            }
        )
    return rows
