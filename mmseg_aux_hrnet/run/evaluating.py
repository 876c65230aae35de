"""Evaluates written predictions: two folders in, figures and a report out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mmseg_aux_hrnet.classes import Classes, class_set
from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.datasets.label_values import LabelValues
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.boundary import tolerance
from mmseg_aux_hrnet.evaluation.confusion_metric import check_counted
from mmseg_aux_hrnet.evaluation.image_result import summed_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates, rates_by_key
from mmseg_aux_hrnet.evaluation.table import rich_table
from mmseg_aux_hrnet.report.figures import Measured
from mmseg_aux_hrnet.report.folder import check_report_folder, report_metrics
from mmseg_aux_hrnet.report.metrics_file import Report
from mmseg_aux_hrnet.report.page import TrainingLog, shown_images, small_tile, write_report
from mmseg_aux_hrnet.report.run_record import Sources
from mmseg_aux_hrnet.report.summary import summary_table
from mmseg_aux_hrnet.run.config import describe_test_dataset, load_config
from mmseg_aux_hrnet.run.map_folders import Comparison, compare_pairs, pair_folders, read_pair, refuse_masks

GREYS = tuple((value, value, value) for value in range(256))  # colours of classes that were given none


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
    comparison = _comparison(options, meta, classes, tolerance=distance.pixels)
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


def _comparison(options: EvaluateOptions, meta: Mapping[str, Any], classes: Classes, *, tolerance: float) -> Comparison:
    """Return how the files are read and compared; ``meta`` describes the data set of the labels."""
    palette = classes.palette or GREYS[: len(classes.names)]
    label_format = options.label_format or meta['label_format']
    for form in (options.prediction_format, label_format):
        if classes.palette is None and form in ('palette', 'colour'):
            raise ConfigError(f'files of the form {form!r} need the colours of the classes: give --palette')
    # The values that a config says are those of its own format.
    values = options.label_values or (meta.get('label_values') if options.label_format is None else None)
    ignored = options.ignore_index
    return Comparison(
        prediction_rule=label_rule(options.prediction_format, palette, ignore_index=ignored),
        label_rule=label_rule(label_format, palette, ignore_index=ignored, label_values=values),
        tolerance=tolerance,
    )
