"""Tests a checkpoint: config and checkpoint in, figures, maps, pictures and a report out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import LoggerHook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from rich.console import Console
from rich.table import Table

from mmseg_aux_hrnet.bands import bands_in, parse_shown
from mmseg_aux_hrnet.datasets.band_images import read_picture
from mmseg_aux_hrnet.decision import Threshold, parse_option
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.evaluation.boundary import Tolerance, tolerance
from mmseg_aux_hrnet.evaluation.confusion_metric import ConfusionMetric, marked_classes
from mmseg_aux_hrnet.evaluation.threshold_metric import ThresholdMetric
from mmseg_aux_hrnet.evaluation.thresholds import as_json
from mmseg_aux_hrnet.evaluation.tile_keeper import TileKeeper
from mmseg_aux_hrnet.models import fill_sizes, head_threshold, speed, use_threshold
from mmseg_aux_hrnet.models.speed import Level
from mmseg_aux_hrnet.report.figures import Measured
from mmseg_aux_hrnet.report.folder import check_report_folder, report_metrics
from mmseg_aux_hrnet.report.page import kept_tiles, read_training_log, write_report
from mmseg_aux_hrnet.report.run_record import Sources
from mmseg_aux_hrnet.report.summary import summary_table
from mmseg_aux_hrnet.run import launch, testing_config, tile_config
from mmseg_aux_hrnet.run.config import check_data_root, config_name, load_config, set_data_root, set_work_dir
from mmseg_aux_hrnet.visualization import draw_sweep
from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint, check_bands, load_model_weights


@dataclass(frozen=True)
class TestOptions:
    """What a test changes of its config, and what it writes.

    Attributes:
        data_root: folder of the data set, for every loader of the config.
        work_dir: folder for logs; ``work_dirs/CONFIG`` where None.
        split: list of images: ``test`` or ``val``.
        threshold: least probability that makes a pixel the class of interest, above 0 and below 1; ``argmax`` ignores
            the one that is stored in the checkpoint, None takes it.
        sweep: also measure every threshold; for models of two classes.
        out: folder for label maps, palette PNG; where the images have no labels, a folder of the work dir if None.
        show_dir: folder for pictures: image, reference, prediction.
        show: three bands that pictures and the report show as red, green and blue, such as ``nir,red,green``; None for
            those where they are there.
        report: folder for the report; None writes none.
        overwrite: replace the report that is there.
        tolerance: of contours: pixels, or metres as ``0.5m``.
        gsd: metres on the ground that a pixel of the labels covers; None where unknown.
        scales: average predictions at these multiples of the test size, such as ``(0.75, 1.0)``; None for one.
        flip: average with predictions of the mirrored image.
        speed: ``off`` computes as mmseg does, ``safe`` gives the same numbers faster, ``max`` is in bfloat16 too.
        compile: compile the network: slow to start, faster then.
        launcher: what started several processes: ``none``, ``pytorch`` or ``slurm``.
        cfg_options: settings of the config to override, by dotted keys.
    """

    __test__ = False  # the name would make pytest take it for tests

    data_root: str | Path | None = None
    work_dir: str | Path | None = None
    split: str = 'test'
    threshold: float | str | None = None
    sweep: bool = False
    out: str | Path | None = None
    show_dir: str | Path | None = None
    show: str | Sequence[str] | None = None
    report: str | Path | None = None
    overwrite: bool = False
    tolerance: str = '2'
    gsd: float | None = None
    scales: str | Sequence[float] | None = None
    flip: bool = False
    speed: Level = 'safe'
    compile: bool = False
    launcher: str = 'none'
    cfg_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TestResult:
    """What a test has found and written.

    Attributes:
        work_dir: folder of the logs.
        has_labels: whether the images have labels; without labels there are no figures.
        figures: by key, such as ``mIoU`` and ``IoU.green``, percent; empty without labels.
        predictions: folder of the label maps; None where none were written.
        report: folder of the report; None where none was asked for.
        threshold_curves: picture of a sweep without a report; None where there is none.
        summary: intervals and contours of a report, for a screen or a notebook; None without one, and in all processes
            but the first.
    """

    __test__ = False

    work_dir: Path
    has_labels: bool
    figures: dict[str, float]
    predictions: Path | None
    report: Path | None
    threshold_curves: Path | None
    summary: Table | None


def test(
    config: str | Path | Config,
    checkpoint: str | Path,
    options: TestOptions | None = None,
    *,
    on_table: Callable[[Table], None] = lambda table: None,
) -> TestResult:
    """Measure a checkpoint on the test data of a config; where these have no labels, predict only.

    Args:
        config: the config that the checkpoint was trained with: a file, ``mmseg_aux_hrnet::hrnet/LEAF.py`` for one of
            this package, or a config that was loaded, which stays as it is.
        checkpoint: a file, or a work dir: its best checkpoint, else its last.
        options: what is measured and written; None for figures on the test images.
        on_table: is given the summary of a report after it is written, also where that fails on a full disk.

    Raises:
        AuxHRNetError: in one line, what is wrong with an option, the config, the data or the checkpoint.
    """
    options = options or TestOptions()
    distance = tolerance(options.tolerance, gsd=options.gsd)
    if options.report is not None:
        check_report_folder(options.report, overwrite=options.overwrite)  # before hours of inference, not after
    name, source = config_name(config), config.filename if isinstance(config, Config) else str(config)
    config = load_config(config, options.cfg_options)
    text = config.pretty_text  # before the edits, which are not part of what was asked to be tested
    dataset, out = _edit(config, options, distance, name=name, checkpoint=checkpoint)
    work_dir = Path(config.work_dir)
    runner = Runner.from_cfg(config)
    fill_sizes(runner.model)
    # All processes would write one file of figures at the same moment, which left broken JSON.
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook) and not is_main_process():
            hook.after_test_epoch = lambda *_, **__: None
    weights = best_checkpoint(Path(checkpoint))
    stored = Checkpoint(weights)
    check_bands(stored, bands_in(dataset.metainfo))  # first: of other bands the weights would not fit either
    meta = load_model_weights(runner.model, stored)
    threshold = _use_threshold(runner, options.threshold, meta=meta, dataset=dataset, source=checkpoint)
    speed.apply(runner.model, options.speed, compiled=options.compile)
    figures = {key: float(value) for key, value in runner.test().items()}
    summary = curves = None
    if options.report is None:
        if (sweep := _sweep(runner)) is not None:
            draw_sweep(work_dir, as_json(sweep))
            curves = work_dir / 'threshold_curves.png'
    elif is_main_process():
        sources = Sources(
            config=source,
            config_text=text,
            checkpoint=weights,
            lists=list_files(dataset),
            work_dir=work_dir,
            device=str(next(runner.model.parameters()).device),
            threshold=threshold,
        )
        summary = _report(runner, options, distance, sources=sources, on_table=on_table)
    predictions, report = (None if path is None else Path(path) for path in (out, options.report))
    return TestResult(work_dir, has_labels(dataset), figures, predictions, report, curves, summary)


def _edit(
    config: Config, options: TestOptions, distance: Tolerance, *, name: str, checkpoint: str | Path
) -> tuple[Any, str | None]:
    """Change the config as the options say; return the data set, and the folder of the label maps, if any.

    These are all edits of a config that is tested, in the order that matters.
    """
    parse_option(options.threshold)
    # What its training started from, or went on from: mmengine would fill the model from it again.
    config.load_from, config.resume = None, False
    # Processes meet first: that chooses the device, and those that cannot meet leave no folder.
    launch.join_processes(config, options.launcher)
    set_work_dir(config, options.work_dir, name=name)
    # The list before the folder: what is tested from here on is the test loader, whichever it was.
    testing_config.set_split(config, options.split)
    set_data_root(config, options.data_root)
    check_data_root(config, ('test_dataloader',))
    tile_config.fill_for_test(config, checkpoint)
    # Augmentation changes the pipeline, so it comes before the data set is built of it.
    if options.scales is not None or options.flip:
        scales = testing_config.parse_scales(options.scales or (1.0,))
        testing_config.set_test_time_augmentation(config, scales=scales, flip=options.flip)
    init_default_scope(config.get('default_scope') or 'mmseg')
    dataset = DATASETS.build(config.test_dataloader.dataset)
    # What can be measured depends on whether there are labels, which the data set knows.
    labelled = has_labels(dataset)
    if options.report is not None and not labelled:
        raise DataError(f'--report {options.report}: the test data have no labels to compare with; give --out instead')
    if options.sweep and not labelled:
        raise DataError('--sweep: the images have no labels, so no threshold is better than another')
    out = str(options.out) if options.out else None if labelled else str(Path(config.work_dir) / 'predictions')
    for folder in (each for each in (out, options.show_dir) if each is not None):
        testing_config.check_file_names(dataset, folder)
    shown = None if options.show is None else parse_shown(options.show)
    bands_in(dataset.metainfo).shown(shown)  # for its errors
    testing_config.set_evaluators(config, has_labels=labelled, out=out)
    # These two add to the evaluators that were set above.
    if options.report is not None:
        testing_config.count_for_report(config, tolerance=distance.pixels)
    two_classes = len(dataset.metainfo.get('classes') or ()) == 2
    can_be_swept = two_classes and testing_config.keeps_probabilities(config)
    if options.sweep or (options.report is not None and can_be_swept):
        testing_config.add_sweep(config)
    if options.show_dir is not None:
        hook = {'type': 'OverlayHook', 'output_dir': str(options.show_dir), 'show': shown}
        config.custom_hooks = [*config.get('custom_hooks', []), hook]
    return dataset, out


def _report(
    runner: Runner, options: TestOptions, distance: Tolerance, *, sources: Sources, on_table: Callable[[Table], None]
) -> Table:
    """Write the report and return its intervals and boundary figures; in the first process only."""
    assert options.report is not None  # asked for only then
    metrics = runner.test_evaluator.metrics
    tables = [metric for metric in metrics if isinstance(metric, ConfusionMetric)]
    counted = next(metric for metric in tables if metric.boundary_tolerance is not None)
    kept = next((metric.kept for metric in metrics if isinstance(metric, TileKeeper)), {})
    content = report_metrics(
        Measured(counted.images, counted.classes, distance, counted.ignore_index, _sweep(runner)), sources
    )
    summary = summary_table(content)
    try:
        with Console(stderr=True).status(f'writing {options.report}'):  # encoding hundreds of tiles takes seconds
            tiles = kept_tiles(kept, content, **_picture_reader(runner, options))
            folder = Path() if sources.checkpoint is None else sources.checkpoint.parent
            log = read_training_log(folder, class_of_interest=content['class_of_interest'])
            write_report(options.report, content, overwrite=options.overwrite, tiles=tiles, log=log)
    finally:
        on_table(summary)
    return summary


def _sweep(runner: Runner) -> Any:
    metrics = runner.test_evaluator.metrics
    return next((metric.sweep for metric in metrics if isinstance(metric, ThresholdMetric)), None)


def _picture_reader(runner: Runner, options: TestOptions) -> dict[str, Any]:
    """Return how a report reads its images, where they are not RGB as every browser shows it."""
    bands = bands_in(runner.test_dataloader.dataset.metainfo)
    if bands.plain and options.show is None:
        return {}
    return {'read': partial(read_picture, bands=bands, show=options.show and parse_shown(options.show))}


def _use_threshold(
    runner: Runner, option: float | str | None, *, meta: Mapping[str, Any], dataset: Any, source: str | Path
) -> Threshold | None:
    """Predict by the threshold of the option or the checkpoint, else of the head; return it."""
    if option is None and 'threshold' not in meta:
        return head_threshold(runner.model, classes=dataset.metainfo.get('classes') or ())
    # Of the table, not of the data set: a metric of the config may mark another class, and both must mean the same.
    classes = marked_classes(runner.test_evaluator, dataset.metainfo)
    threshold = use_threshold(
        runner.model, option, classes=classes.names, of_interest=classes.name_of_interest, meta=meta, source=source
    )
    return threshold or head_threshold(runner.model, classes=classes.names)


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
