"""Evaluates written predictions as a command line says: two folders in, figures and a report out."""

from argparse import Namespace
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mmseg_aux_hrnet import map_folders, run_config
from mmseg_aux_hrnet.datasets.label_rules import LabelRule, label_rule
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation.class_set import ClassSet, class_set
from mmseg_aux_hrnet.evaluation.confusion_metric import check_counted
from mmseg_aux_hrnet.evaluation.image_result import summed_counts
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.evaluation.table import rich_table
from mmseg_aux_hrnet.evaluation.tolerance import tolerance
from mmseg_aux_hrnet.report.figures import Measured
from mmseg_aux_hrnet.report.folder import check_report_folder
from mmseg_aux_hrnet.report.page import TrainingLog, shown_images, small_tile
from mmseg_aux_hrnet.report.run_record import Sources
from mmseg_aux_hrnet.report.summary import summary_table
from mmseg_aux_hrnet.report.writer import report_metrics, write_report

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
    comparison = map_folders.Comparison(
        prediction_rule=_rule(classes, args.prediction_format, args.ignore_index),
        label_rule=_rule(classes, args.label_format or meta['label_format'], args.ignore_index),
        tolerance=distance.pixels,
    )
    pairs = map_folders.pair_folders(args.predictions, args.labels)
    map_folders.refuse_masks(pairs, comparison)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        images = map_folders.compare_pairs(progress.track(pairs, description='comparing'), comparison)
    check_counted(summed_counts(images, num_classes=len(classes.names)), images, ignore_index=args.ignore_index)
    measured = Measured(images, classes, distance, args.ignore_index)
    metrics = report_metrics(measured, Sources(config=args.config, config_text=config_text))
    Console().print(_rates_table(measured), summary_table(metrics), sep='\n')
    if args.report is None:
        return f'{len(images):,} image(s) compared'
    tiles = {
        index: small_tile(metrics['images'][index]['name'], None, **map_folders.read_pair(pairs[index], comparison))
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
