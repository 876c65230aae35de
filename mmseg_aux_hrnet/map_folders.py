"""Compares a folder of written predictions with a folder of labels, pair by pair, without a model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.label_rules import LabelRule
from mmseg_aux_hrnet.datasets.tiles import read_label, refuse_masks_as_index
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.image_result import ImageResult, MapPair, count_image
from mmseg_aux_hrnet.splits import LABEL_SUFFIXES, index_by_stem

LISTED_FAULTS = 3
Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Comparison:
    """How the files of the two folders are read and compared.

    Attributes:
        prediction_rule: how predicted maps become class indices.
        label_rule: how labels do.
        tolerance: of contours, pixels.
    """

    prediction_rule: LabelRule
    label_rule: LabelRule
    tolerance: float


def pair_folders(predictions: str | Path, labels: str | Path) -> list[Pair]:
    """Return predicted map and label of every image, by stem and sub-folder; each must have its counterpart.

    Raises:
        DataError: both are one folder, one is missing or holds no maps, a stem is there twice, or only in one of them;
            names the first.
    """
    if Path(predictions).resolve() == Path(labels).resolve():
        raise DataError(f'{predictions} is given as predictions and as labels: these would agree whatever they hold')
    predicted, reference = _by_stem(Path(predictions)), _by_stem(Path(labels))
    for missing, folder, other in (
        ([stem for stem in predicted if stem not in reference], labels, predictions),
        ([stem for stem in reference if stem not in predicted], predictions, labels),
    ):
        if missing:
            more = f' and {len(missing) - LISTED_FAULTS} more' if len(missing) > LISTED_FAULTS else ''
            raise DataError(
                f'{folder} has no map for {", ".join(missing[:LISTED_FAULTS])}{more} of {other}: '
                'both folders must hold the same images, by the names of their files without the suffix'
            )
    return [(predicted[stem], reference[stem]) for stem in predicted]


def compare_pairs(pairs: Iterable[Pair], comparison: Comparison) -> list[ImageResult]:
    """Count every pair, in their order.

    Raises:
        DataError: two maps differ in size; names them.
        LabelError: a file cannot be read by its rule, or a value is no class; names the file.
    """
    return [_compare(prediction, label, comparison) for prediction, label in pairs]


def read_pair(pair: Pair, comparison: Comparison) -> dict[str, NDArray[np.uint8]]:
    """Return ``prediction`` and ``label`` as class indices, uint8 (H, W).

    Raises:
        LabelError: a file cannot be read by its rule; names the file.
    """
    prediction, label = pair
    return {
        'prediction': read_label(prediction, comparison.prediction_rule),
        'label': read_label(label, comparison.label_rule),
    }


def refuse_masks(pairs: Iterable[Pair], comparison: Comparison) -> None:
    """Raise where files that are read as class indices look like masks of 0 and 255.

    Raises:
        LabelError: says so, see :func:`~mmseg_aux_hrnet.datasets.tiles.refuse_masks_as_index`.
    """
    rules = (comparison.prediction_rule, comparison.label_rule)
    for files, rule in zip(zip(*pairs, strict=True), rules, strict=True):
        if rule.label_format in ('index', 'palette'):
            refuse_masks_as_index([str(path) for path in files], rule)


def _compare(prediction: Path, label: Path, comparison: Comparison) -> ImageResult:
    rule = comparison.label_rule
    maps = read_pair((prediction, label), comparison)
    predicted, reference = maps['prediction'], maps['label']
    pair = MapPair(predicted, reference, image=str(prediction), label_path=str(label))
    if predicted.shape != reference.shape:
        raise DataError(
            f'{prediction} is {predicted.shape[0]} x {predicted.shape[1]} pixels (height x width), but {label} '
            f'{reference.shape[0]} x {reference.shape[1]}: save predictions at the size of the labels'
        )
    try:
        return count_image(
            pair, num_classes=rule.num_classes, ignore_index=rule.ignore_index, tolerance=comparison.tolerance
        )
    except DataError as error:
        raise type(error)(f'{prediction}: {error}') from error


def _by_stem(folder: Path) -> dict[str, Path]:
    found: Mapping[str, list[str]] = index_by_stem(folder, LABEL_SUFFIXES)
    if not found:
        raise DataError(f'{folder} holds no maps: {", ".join(s[1:] for s in LABEL_SUFFIXES)} files are looked for')
    double: Any = next((names for names in found.values() if len(names) > 1), None)
    if double is not None:
        raise DataError(f'{folder} holds {" and ".join(double)}: keep one file for each image')
    return {stem: folder / names[0] for stem, names in found.items()}
