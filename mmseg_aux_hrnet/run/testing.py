"""Tests a checkpoint as a command line says: config and checkpoint in, figures, maps, pictures and a report out."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from rich.console import Console

from mmseg_aux_hrnet.classes import class_set
from mmseg_aux_hrnet.decision import Threshold, parse_option
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.boundary import Tolerance, tolerance
from mmseg_aux_hrnet.evaluation.confusion_metric import ConfusionMetric
from mmseg_aux_hrnet.evaluation.table import check_headlines, headline
from mmseg_aux_hrnet.evaluation.threshold_metric import find_sweep
from mmseg_aux_hrnet.evaluation.thresholds import as_json
from mmseg_aux_hrnet.evaluation.tile_keeper import find_kept
from mmseg_aux_hrnet.models import head_threshold, speed, use_threshold
from mmseg_aux_hrnet.report.figures import Measured
from mmseg_aux_hrnet.report.folder import check_report_folder, report_metrics
from mmseg_aux_hrnet.report.page import kept_tiles, read_training_log, write_report
from mmseg_aux_hrnet.report.run_record import Sources
from mmseg_aux_hrnet.report.summary import summary_table
from mmseg_aux_hrnet.run import config as run_config
from mmseg_aux_hrnet.run import launch, testing_config
from mmseg_aux_hrnet.visualization import draw_sweep
from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint, load_model_weights


def run_test(args: Namespace) -> str:
    """Test as ``tools/test.py`` is told to, and return the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument, the config, the data or the checkpoint.
    """
    check_headlines(args.eval)
    parse_option(args.threshold)
    distance = tolerance(args.tolerance, gsd=args.gsd)
    if args.report is not None:
        check_report_folder(args.report, overwrite=args.overwrite)  # before hours of inference, not after
    config = run_config.load_config(args.config, run_config.parse_options(args.cfg_options))
    sources = {'config': str(args.config), 'config_text': config.pretty_text}
    launch.join_processes(config, args.launcher)
    sources['work_dir'] = run_config.set_work_dir(config, args.work_dir, name=Path(args.config).stem)
    dataset, out = _prepare(config, args, distance)
    runner = Runner.from_cfg(config)
    sources['checkpoint'] = best_checkpoint(args.checkpoint)
    meta = load_model_weights(runner.model, Checkpoint(sources['checkpoint']))
    sources['threshold'] = _use_threshold(runner, args, meta=meta, dataset=dataset)
    speed.apply(runner.model, args.speed, compiled=args.compile)
    figures = runner.test()
    if out is not None and not has_labels(dataset):
        return f'no labels, so no figures; predictions: {out}'
    closing_line = headline(figures, args.eval)
    if args.report is None:
        return closing_line + _draw_sweep(runner, sources['work_dir'])
    if is_main_process():
        sources |= {'lists': list_files(dataset), 'device': str(next(runner.model.parameters()).device)}
        _report(runner, args, measured=_measured(runner, distance), sources=Sources(**sources))
    return f'{closing_line}  report: {args.report}'


def _prepare(config: Config, args: Namespace, distance: Tolerance) -> tuple[Any, str | None]:
    """Edit the config; return the data set, and the folder of the predictions where they are written."""
    testing_config.set_split(config, args.split)
    run_config.set_data_root(config, args.data_root)
    run_config.check_data_root(config, ('test_dataloader',))
    if args.scales is not None or args.flip:
        scales = testing_config.parse_scales(args.scales or '1.0')
        testing_config.set_test_time_augmentation(config, scales=scales, flip=args.flip)
    dataset = run_config.build_test_dataset(config)
    labelled = has_labels(dataset)
    if args.report is not None and not labelled:
        raise DataError(f'--report {args.report}: the test data have no labels to compare with; give --out instead')
    if args.sweep and not labelled:
        raise DataError('--sweep: the images have no labels, without which no threshold is better than another')
    out = args.out or (None if labelled else str(Path(config.work_dir) / 'predictions'))
    testing_config.set_evaluators(config, has_labels=labelled, out=out)
    if args.report is not None:
        testing_config.count_for_report(config, tolerance=distance.pixels)
    if args.sweep or (args.report is not None and _can_be_swept(config, dataset)):
        testing_config.add_sweep(config)
    if args.show_dir is not None:
        testing_config.add_pictures(config, args.show_dir)
    return dataset, out


def _measured(runner: Runner, distance: Tolerance) -> Measured:
    """Return what the metric of the report has counted; in the first process only."""
    metrics = [metric for metric in runner.test_evaluator.metrics if isinstance(metric, ConfusionMetric)]
    counted = next(metric for metric in metrics if metric.boundary_tolerance is not None)
    return Measured(counted.images, counted.classes, distance, counted.ignore_index, find_sweep(runner.test_evaluator))


def _report(runner: Runner, args: Namespace, *, measured: Measured, sources: Sources) -> None:
    """Print intervals and boundary figures, and write the report."""
    metrics = report_metrics(measured, sources)
    Console().print(summary_table(metrics))
    with Console(stderr=True).status(f'writing {args.report}'):  # encoding hundreds of tiles takes seconds
        tiles = kept_tiles(find_kept(runner.test_evaluator), metrics)
        folder = Path() if sources.checkpoint is None else sources.checkpoint.parent
        log = read_training_log(folder, class_of_interest=metrics['class_of_interest'])
        write_report(args.report, metrics, overwrite=args.overwrite, tiles=tiles, log=log)


def _use_threshold(runner: Runner, args: Namespace, *, meta: dict[str, Any], dataset: Any) -> Threshold | None:
    """Predict by the threshold of the command line or the checkpoint, else of the head; return it."""
    if args.threshold is None and 'threshold' not in meta:
        return head_threshold(runner.model, classes=dataset.metainfo.get('classes') or ())
    classes = class_set(dataset.metainfo)
    threshold = use_threshold(
        runner.model,
        args.threshold,
        classes=classes.names,
        of_interest=classes.of_interest,
        meta=meta,
        source=args.checkpoint,
    )
    return threshold or head_threshold(runner.model, classes=classes.names)


def _can_be_swept(config: Config, dataset: Any) -> bool:
    return len(dataset.metainfo.get('classes') or ()) == 2 and testing_config.keeps_probabilities(config)


def _draw_sweep(runner: Runner, folder: Path) -> str:
    """Draw the sweep of thresholds, if there was one, and return what to say of it."""
    sweep = find_sweep(runner.test_evaluator)
    if sweep is None:
        return ''
    draw_sweep(folder, as_json(sweep))
    return f'  thresholds: {folder / "threshold_curves.png"}'


def has_labels(dataset: Any) -> bool:
    """Return whether the samples of a data set carry labels; other people's data sets are taken to have some."""
    return bool(getattr(dataset, 'has_labels', True))


def list_files(dataset: Any) -> list[Path]:
    """Return the files that list the images of a data set, through wrappers such as ``ConcatDataset``."""
    if hasattr(dataset, 'datasets'):
        return [path for part in dataset.datasets for path in list_files(part)]
    if hasattr(dataset, 'dataset'):
        return list_files(dataset.dataset)
    return [Path(dataset.ann_file)] if getattr(dataset, 'ann_file', '') else []
