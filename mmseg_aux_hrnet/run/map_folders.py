"""Two folders of label maps, predicted and reference: which files belong together, and how many pixels agree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mmseg_aux_hrnet.datasets.georeference import GEOTIFF_TAGS, turn_of_label
from mmseg_aux_hrnet.datasets.label_rules import LabelRule
from mmseg_aux_hrnet.datasets.splits import LABEL_SUFFIXES, index_by_stem
from mmseg_aux_hrnet.errors import DataError, PlaceError, counted
from mmseg_aux_hrnet.evaluation.image_result import ImageResult, count_image
from mmseg_aux_hrnet.sampling import class_maps
from mmseg_aux_hrnet.sampling.class_maps import has_tag, own_maps, read_class_map

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
        raise DataError(f'{predictions} is given as predictions and as labels: a folder always agrees with itself')
    predicted, reference = _by_stem(Path(predictions)), _by_stem(Path(labels))
    predicted, reference = _bare(predicted, of=reference), _bare(reference, of=predicted)
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


def _bare(maps: dict[str, Path], *, of: dict[str, Path]) -> dict[str, Path]:
    """Return maps by the names of their images: maps of rasters end in ``_classes``, with probabilities beside them."""
    bare = {stem: stem if stem in of else stem.removesuffix('_classes') for stem in own_maps(list(maps))}
    # If that name is taken, the map keeps its own, and an error says that it has no counterpart.
    return {name if name == stem or name not in maps else stem: maps[stem] for stem, name in bare.items()}


def compare_pairs(pairs: Iterable[Pair], comparison: Comparison) -> list[ImageResult]:
    """Count every pair, in their order.

    Raises:
        DataError: two maps differ in size; names them.
        PlaceError: they differ in their place by more than half a pixel; names all of these.
        LabelError: a file cannot be read by its rule, or a value is not a class; names the file.
    """
    rule, images, holes = comparison.label_rule, [], 0
    pairs = iter(pairs)
    for prediction, label in pairs:
        try:
            maps = read_pair((prediction, label), comparison)
        except PlaceError as error:
            raise _displaced(error, rest=pairs) from error
        predicted, reference = maps['prediction'], maps['label']
        # Refused, not resized: resizing labels or predictions changes the figures.
        if predicted.shape != reference.shape:
            raise DataError(
                f'{prediction} is {predicted.shape[0]} x {predicted.shape[1]} pixels (height x width), but {label} '
                f'{reference.shape[0]} x {reference.shape[1]}: save predictions at the size of the labels'
            )
        try:
            image = count_image(
                predicted,
                reference,
                image=str(prediction),
                label_path=str(label),
                num_classes=rule.num_classes,
                ignore_index=rule.ignore_index,
                tolerance=comparison.tolerance,
            )
        except DataError as error:
            raise type(error)(f'{prediction}: {error}') from error
        images.append(image)
        holes += np.count_nonzero(predicted == comparison.prediction_rule.ignore_index)
    if holes:
        Console(stderr=True).print(f'{holes:,} pixels of the maps hold no data: they are not compared')
    return images


def _displaced(first: PlaceError, *, rest: Iterable[Pair]) -> PlaceError:
    """Return the error of a displaced pair with the names of all that come after it."""
    others = []
    for prediction, label in rest:
        try:
            turn_of_label(str(prediction), str(label))
        except PlaceError:
            others.append(label)
        except DataError:  # of a file that cannot be read, which the next run tells
            continue
    if not others:
        return first
    more = f' and {len(others) - LISTED_FAULTS} more' if len(others) > LISTED_FAULTS else ''
    names = ', '.join(map(str, others[:LISTED_FAULTS]))
    return PlaceError(f'{first}; {counted(len(others), "other pair")} also: {names}{more}')


def read_pair(pair: Pair, comparison: Comparison) -> dict[str, NDArray[np.uint8]]:
    """Return ``prediction`` and ``label`` as class indices, uint8 (H, W), the latter turned as the former is stored.

    Raises:
        LabelError: a file cannot be read by its rule; names the file.
        PlaceError: they lie at different places.
    """
    prediction, label = pair
    predicted = read_class_map(prediction, comparison.prediction_rule)
    reference = read_class_map(label, comparison.label_rule)
    turn = turn_of_label(str(prediction), str(label))
    if turn is not None:
        reference = turn(reference)
    if predicted.shape == reference.shape and has_tag(prediction, GEOTIFF_TAGS):
        # A raster may hold no data where its map is to hold none either; the head of a network has no such excuse.
        ignored = comparison.prediction_rule.ignore_index
        reference = np.where(predicted == ignored, np.uint8(ignored), reference)
    return {'prediction': predicted, 'label': reference}


def refuse_masks(pairs: Iterable[Pair], comparison: Comparison) -> None:
    """Raise where files that are read as class indices look like masks of 0 and 255.

    Raises:
        LabelError: says so, see :func:`~mmseg_aux_hrnet.sampling.class_maps.refuse_masks`.
    """
    rules = (comparison.prediction_rule, comparison.label_rule)
    for files, rule in zip(zip(*pairs, strict=True), rules, strict=True):
        if rule.label_format in ('index', 'palette'):
            class_maps.refuse_masks(files, rule)


def _by_stem(folder: Path) -> dict[str, Path]:
    found: Mapping[str, list[str]] = index_by_stem(folder, LABEL_SUFFIXES)
    if not found:
        raise DataError(f'{folder} holds no maps: {", ".join(s[1:] for s in LABEL_SUFFIXES)} files are needed')
    double: Any = next((names for names in found.values() if len(names) > 1), None)
    if double is not None:
        raise DataError(f'{folder} holds {" and ".join(double)}: keep one file for each image')
    return {stem: folder / names[0] for stem, names in found.items()}
