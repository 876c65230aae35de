"""Evaluates written predictions: two folders in, figures and a report out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mmseg_aux_hrnet.classes import Classes, class_set
from mmseg_aux_hrnet.datasets.georeference import GEOTIFF_TAGS, turn_of_label
from mmseg_aux_hrnet.datasets.label_rules import LabelRule, LabelValues, label_rule
from mmseg_aux_hrnet.datasets.splits import LABEL_SUFFIXES, index_by_stem
from mmseg_aux_hrnet.errors import ConfigError, DataError, PlaceError, counted
from mmseg_aux_hrnet.evaluation.boundary import tolerance
from mmseg_aux_hrnet.evaluation.confusion_metric import check_counted
from mmseg_aux_hrnet.evaluation.image_result import ImageResult, count_image, summed_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates, rates_by_key
from mmseg_aux_hrnet.evaluation.table import rich_table
from mmseg_aux_hrnet.report.figures import Measured
from mmseg_aux_hrnet.report.folder import check_report_folder, report_metrics
from mmseg_aux_hrnet.report.metrics_file import Report
from mmseg_aux_hrnet.report.page import TrainingLog, shown_images, small_tile, write_report
from mmseg_aux_hrnet.report.run_record import Sources
from mmseg_aux_hrnet.report.summary import summary_table
from mmseg_aux_hrnet.run.config import describe_test_dataset, load_config
from mmseg_aux_hrnet.sampling import class_maps
from mmseg_aux_hrnet.sampling.class_maps import has_tag, own_maps, read_class_map

LISTED_FAULTS = 3
GREYS = tuple((value, value, value) for value in range(256))  # colours of classes that were given none
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


@dataclass(frozen=True)
class EvaluateOptions:
    """How written maps are read and compared; either ``config`` or ``classes`` says what their values stand for.

    Attributes:
        config: takes classes, colours and label format from its test data.
        classes: names in the order of their values, from 0.
        palette: RGB colour of each class, 0..255, beside ``classes``; None where there are none.
        label_format: form of the labels: ``index``, ``palette``, ``colour`` or ``binary``; None for that of the config,
            else ``index``.
        label_values: the class of each value of the labels, such as ``{0: 'ignore', 1: 0, 2: 1}``; None for what the
            config says, else values are classes. Predictions hold classes.
        prediction_format: form of the predictions.
        ignore_index: label value that does not count.
        class_of_interest: name of the class that the table marks; None for that of the config, else the last of two.
        tolerance: of contours: pixels, or metres as ``0.5m``.
        gsd: metres on the ground that a pixel covers; None where unknown.
        report: folder for the report; None writes none.
        overwrite: replace the report that is there.
    """

    config: str | Path | Config | None = None
    classes: Sequence[str] | None = None
    palette: Sequence[Sequence[int]] | None = None
    label_format: str | None = None
    label_values: LabelValues | None = None
    prediction_format: str = 'index'
    ignore_index: int = 255
    class_of_interest: str | None = None
    tolerance: str = '2'
    gsd: float | None = None
    report: str | Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class EvaluateResult:
    """What a comparison of two folders has found and written.

    Attributes:
        figures: by key, such as ``mIoU`` and ``IoU.green``, percent.
        metrics: content of ``metrics.json`` of a report.
        tables: figures of the classes, and intervals and contours, for a screen or a notebook.
        report: folder of the report; None where none was asked for.
    """

    figures: dict[str, float]
    metrics: Report
    tables: tuple[Table, ...]
    report: Path | None


def evaluate(
    predictions: str | Path,
    labels: str | Path,
    options: EvaluateOptions,
    *,
    on_table: Callable[[Table], None] = lambda table: None,
) -> EvaluateResult:
    """Compare a folder of predicted maps with a folder of labels, from any program.

    Args:
        predictions: folder of predicted maps.
        labels: folder of labels of the same names and sizes.
        options: how they are read and compared.
        on_table: is given each table of figures after the report is written, also where that fails on a full disk.

    Raises:
        AuxHRNetError: in one line, what is wrong with an option or a file.
    """
    distance = tolerance(options.tolerance, gsd=options.gsd)
    if options.report is not None:
        check_report_folder(options.report, overwrite=options.overwrite)
    meta, config_text = _described(options)
    # All options are checked before the first of many files is read.
    classes = class_set(meta, of_interest=options.class_of_interest)
    comparison = Comparison(
        prediction_rule=_rule(classes, options.prediction_format, options.ignore_index),
        label_rule=_rule(
            classes,
            options.label_format or meta['label_format'],
            options.ignore_index,
            # The values that a config says are those of its own format.
            label_values=options.label_values or (meta.get('label_values') if options.label_format is None else None),
        ),
        tolerance=distance.pixels,
    )
    pairs = pair_folders(predictions, labels)
    refuse_masks(pairs, comparison)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        images = compare_pairs(progress.track(pairs, description='comparing'), comparison)
    counts = summed_counts(images, num_classes=len(classes.names))
    check_counted(counts, images, ignore_index=options.ignore_index)
    config = options.config.filename if isinstance(options.config, Config) else options.config
    sources = Sources(config=None if config is None else str(config), config_text=config_text)
    metrics = report_metrics(Measured(images, classes, distance, options.ignore_index), sources)
    rates = dict(zip(classes.names, class_rates(counts), strict=True))
    tables = (
        rich_table(rates, overall_rates(counts), class_of_interest=classes.name_of_interest),
        summary_table(metrics),
    )
    try:
        if options.report is not None:
            tiles = {
                index: small_tile(metrics['images'][index]['name'], None, **read_pair(pairs[index], comparison))
                for index in shown_images(metrics)
            }
            log = TrainingLog(None, [], 'written predictions have no training log')
            write_report(options.report, metrics, overwrite=options.overwrite, tiles=tiles, log=log)
    finally:
        for table in tables:
            on_table(table)
    report = None if options.report is None else Path(options.report)
    return EvaluateResult(rates_by_key(counts, classes.names), metrics, tables, report)


def _described(options: EvaluateOptions) -> tuple[dict[str, Any], str | None]:
    """Return classes, palette, class of interest and label format, and the text of the config where there is one."""
    if (options.config is None) == (options.classes is None):
        raise ConfigError('give either --config CONFIG or --classes NAME,NAME,...: they say what the values mean')
    if options.config is None:
        return {'classes': options.classes, 'palette': options.palette, 'label_format': 'index'}, None
    if options.palette is not None:
        raise ConfigError('--palette goes with --classes; the colours of a config are those of its data set')
    config = load_config(options.config)
    return describe_test_dataset(config), config.pretty_text


def parse_palette(text: str) -> list[tuple[int, ...]]:
    """Return colours of a comma-separated list of hexadecimal ones, such as ``000000,800000``.

    Raises:
        ConfigError: one is not a hexadecimal number of bytes.
    """
    try:
        return [tuple(bytes.fromhex(colour.strip().removeprefix('#'))) for colour in text.split(',')]
    except ValueError:
        raise ConfigError(f'--palette {text}: give one colour per class, such as 000000,800000') from None


def _rule(
    classes: Classes, label_format: str, ignore_index: int, *, label_values: LabelValues | None = None
) -> LabelRule:
    if classes.palette is None and label_format in ('palette', 'colour'):
        raise ConfigError(f'files of the form {label_format!r} need the colours of the classes: give --palette')
    palette = classes.palette or GREYS[: len(classes.names)]
    return label_rule(label_format, palette, ignore_index=ignore_index, label_values=label_values)
