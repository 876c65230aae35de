"""What a report says: every figure that follows from the counts of the images, as plain numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.evaluation.bootstrap import intervals, method
from mmseg_aux_hrnet.evaluation.boundary import BoundaryRates, Tolerance, boundary_rates
from mmseg_aux_hrnet.evaluation.image_result import ImageResult, summed_boundary, summed_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates, rates_by_key
from mmseg_aux_hrnet.evaluation.thresholds import ThresholdSweep, as_json

LEVEL, RESAMPLES, SEED = 95, 1000, 0
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
    'Boundary figures count the contours of all images together. The edge of an image and of ignored pixels is no '
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


def report_figures(measured: Measured) -> dict[str, Any]:
    """Return all parts of ``metrics.json`` but ``run``; nan where undefined."""
    names = measured.classes.names
    counts = summed_counts(measured.images, num_classes=len(names))
    return {
        'classes': _class_rows(measured),
        'class_of_interest': measured.classes.name_of_interest,
        'overall': _overall(counts),
        'intervals': _intervals(measured),
        'boundary': _boundary_rule(measured.tolerance),
        'rules': [*RULES, f'Pixels with the label {measured.ignore_index} are ignored, whatever is predicted there.'],
        'confusion_matrix': counts.tolist(),
        'images': _image_rows(measured),
        'threshold_sweep': None if measured.sweep is None else as_json(measured.sweep),
    }


def _class_rows(measured: Measured) -> list[dict[str, Any]]:
    names, palette = measured.classes.names, measured.classes.palette
    contours = summed_boundary(measured.images)
    undefined = [BoundaryRates(math.nan, math.nan)] * len(names)
    outlines = undefined if contours is None else boundary_rates(contours)
    rates = class_rates(summed_counts(measured.images, num_classes=len(names)))
    return [
        {
            'name': name,
            'color': None if palette is None else list(palette[index]),
            'precision': rates[index].precision,
            'recall': rates[index].recall,
            'iou': rates[index].iou,
            'f1': rates[index].f1,
            'support': rates[index].support,
            'predicted': rates[index].predicted,
            'boundary_f1': outlines[index].f1,
            'boundary_iou': outlines[index].iou,
        }
        for index, name in enumerate(names)
    ]


def _overall(counts: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, Any]:
    rates = overall_rates(counts)
    return {
        'oa': rates.oa,
        'miou': rates.miou,
        'macc': rates.macc,
        'mdice': rates.mdice,
        'fwiou': rates.fwiou,
        'kappa': rates.kappa,
        'mcc': rates.mcc,
        'balanced_accuracy': rates.macc,
        'pixels': rates.pixels,
    }


def _intervals(measured: Measured) -> dict[str, Any]:
    counts = np.stack([image.counts for image in measured.images])
    rates = partial(rates_by_key, names=measured.classes.names)
    values = intervals(counts, rates=rates, resamples=RESAMPLES, seed=SEED, level=LEVEL)
    return {
        'level': LEVEL,
        'resamples': RESAMPLES,
        'seed': SEED,
        'method': method(images=len(measured.images), resamples=RESAMPLES, seed=SEED, level=LEVEL),
        'values': {key: list(ends) for key, ends in values.items()},
    }


def _boundary_rule(tolerance: Tolerance | None) -> dict[str, Any]:
    if tolerance is None:
        return {'tolerance_pixels': None, 'tolerance_metres': None, 'gsd': None}
    return {'tolerance_pixels': tolerance.pixels, 'tolerance_metres': tolerance.metres, 'gsd': tolerance.gsd}


def _image_rows(measured: Measured) -> list[dict[str, Any]]:
    names = image_names([image.image for image in measured.images])
    return [_image_row(name, image, measured) for name, image in zip(names, measured.images, strict=True)]


def _image_row(name: str, image: ImageResult, measured: Measured) -> dict[str, Any]:
    overall = overall_rates(image.counts)
    rates = dict(zip(measured.classes.names, class_rates(image.counts), strict=True))
    return {
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


def image_names(paths: Sequence[str]) -> list[str]:
    """Return a short name for every image, no two alike: the stem; the path where a stem is there more than once."""
    stems = [Path(path).stem for path in paths]
    often = Counter(stems)
    return [stem if often[stem] == 1 else Path(path).as_posix() for stem, path in zip(stems, paths, strict=True)]
