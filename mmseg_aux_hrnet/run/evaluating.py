"""Evaluates written predictions as a command line says: two folders in, figures and a report out."""

from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mmseg_aux_hrnet.classes import ClassSet, class_set
from mmseg_aux_hrnet.datasets.label_rules import LabelRule, label_rule
from mmseg_aux_hrnet.datasets.splits import LABEL_SUFFIXES, index_by_stem
from mmseg_aux_hrnet.datasets.tiles import read_label, refuse_masks_as_index
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.evaluation.boundary import tolerance
from mmseg_aux_hrnet.evaluation.confusion_metric import check_counted
from mmseg_aux_hrnet.evaluation.image_result import ImageResult, count_image, summed_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.evaluation.table import rich_table
from mmseg_aux_hrnet.report.figures import Measured
from mmseg_aux_hrnet.report.folder import check_report_folder, report_metrics
from mmseg_aux_hrnet.report.page import TrainingLog, shown_images, small_tile, write_report
from mmseg_aux_hrnet.report.run_record import Sources
from mmseg_aux_hrnet.report.summary import summary_table
from mmseg_aux_hrnet.run import config as run_config

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
    if predicted.shape != reference.shape:
        raise DataError(
            f'{prediction} is {predicted.shape[0]} x {predicted.shape[1]} pixels (height x width), but {label} '
            f'{reference.shape[0]} x {reference.shape[1]}: save predictions at the size of the labels'
        )
    try:
        return count_image(
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


def _by_stem(folder: Path) -> dict[str, Path]:
    found: Mapping[str, list[str]] = index_by_stem(folder, LABEL_SUFFIXES)
    if not found:
        raise DataError(f'{folder} holds no maps: {", ".join(s[1:] for s in LABEL_SUFFIXES)} files are looked for')
    double: Any = next((names for names in found.values() if len(names) > 1), None)
    if double is not None:
        raise DataError(f'{folder} holds {" and ".join(double)}: keep one file for each image')
    return {stem: folder / names[0] for stem, names in found.items()}


GREYS = tuple((value, value, value) for value in range(256))  # colours of classes that were given none


def run_evaluation(args: Namespace) -> str:
    """Evaluate as ``tools/evaluate.py`` is told to, print the figures, and return the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument or a file.
    """
    distance = tolerance(args.tolerance, gsd=args.gsd)
    if args.report is not None:
        check_report_folder(args.report, overwrite=args.overwrite)
    meta, config_text = _described(args)
    classes = class_set(meta, of_interest=args.class_of_interest)
    comparison = Comparison(
        prediction_rule=_rule(classes, args.prediction_format, args.ignore_index),
        label_rule=_rule(classes, args.label_format or meta['label_format'], args.ignore_index),
        tolerance=distance.pixels,
    )
    pairs = pair_folders(args.predictions, args.labels)
    refuse_masks(pairs, comparison)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        images = compare_pairs(progress.track(pairs, description='comparing'), comparison)
    check_counted(summed_counts(images, num_classes=len(classes.names)), images, ignore_index=args.ignore_index)
    measured = Measured(images, classes, distance, args.ignore_index)
    metrics = report_metrics(measured, Sources(config=args.config, config_text=config_text))
    Console().print(_rates_table(measured), summary_table(metrics), sep='\n')
    if args.report is None:
        return f'{len(images):,} image(s) compared'
    tiles = {
        index: small_tile(metrics['images'][index]['name'], None, **read_pair(pairs[index], comparison))
        for index in shown_images(metrics)
    }
    log = TrainingLog(None, [], 'written predictions have no training log')
    write_report(args.report, metrics, overwrite=args.overwrite, tiles=tiles, log=log)
    return f'{len(images):,} image(s) compared  report: {args.report}'


def _rates_table(measured: Measured) -> Table:
    classes = measured.classes
    counts = summed_counts(measured.images, num_classes=len(classes.names))
    rates = dict(zip(classes.names, class_rates(counts), strict=True))
    return rich_table(rates, overall_rates(counts), class_of_interest=classes.of_interest)


def _described(args: Namespace) -> tuple[dict[str, Any], str | None]:
    """Return classes, palette, class of interest and label format, and the text of the config where there is one."""
    if (args.config is None) == (args.classes is None):
        raise ConfigError('give either --config CONFIG or --classes NAME,NAME,...: they say what the values stand for')
    if args.config is None:
        meta = {'classes': [name.strip() for name in args.classes.split(',')], 'palette': _palette(args.palette)}
        return {**meta, 'label_format': 'index'}, None
    if args.palette is not None:
        raise ConfigError('--palette goes with --classes; the colours of a config are those of its data set')
    config = run_config.load_config(args.config)
    return run_config.describe_test_dataset(config), config.pretty_text


def _palette(text: str | None) -> list[tuple[int, ...]] | None:
    if text is None:
        return None
    try:
        return [tuple(bytes.fromhex(colour.strip().removeprefix('#'))) for colour in text.split(',')]
    except ValueError:
        raise ConfigError(f'--palette {text}: give one colour per class, such as 000000,800000') from None


def _rule(classes: ClassSet, label_format: str, ignore_index: int) -> LabelRule:
    if classes.palette is None and label_format in ('palette', 'colour'):
        raise ConfigError(f'files of the form {label_format!r} need the colours of the classes: give --palette')
    palette = classes.palette or GREYS[: len(classes.names)]
    return label_rule(label_format, palette, ignore_index=ignore_index)
