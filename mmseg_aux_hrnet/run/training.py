"""Trains: a config in, checkpoints and logs out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmseg_aux_hrnet.engine.hooks import LeaveOutHook
from mmseg_aux_hrnet.errors import CheckpointError, counted
from mmseg_aux_hrnet.models import HRNetV2, fill_sizes, speed
from mmseg_aux_hrnet.models.speed import Level
from mmseg_aux_hrnet.run import launch, tile_config, training_config
from mmseg_aux_hrnet.run.config import (
    check_data_root,
    config_name,
    dataset_bands,
    dataset_meta,
    load_config,
    set_data_root,
    set_work_dir,
)
from mmseg_aux_hrnet.run.training_loop import check_batches, train_runner
from mmseg_aux_hrnet.weights import (
    Checkpoint,
    check_bands,
    check_fits,
    check_mmengine_reads,
    checkpoint_to_resume,
    mismatches,
    unwrapped,
    weights_file,
)
from mmseg_aux_hrnet.weights.zoo import check_start

PICTURES = ('training_curve.png', 'validation_samples.png')


@dataclass(frozen=True)
class TrainOptions:
    """What a run changes of its config; by default nothing.

    Attributes:
        data_root: folder of the data set, for every loader of the config.
        work_dir: folder for logs and checkpoints; ``work_dirs/CONFIG`` where None.
        pretrained: file or address that the backbone starts from; ``none`` for random weights.
        teacher: checkpoint or work dir to distil from; the config needs a teacher.
        resume: checkpoint to go on from; ``auto`` for the last one of the work dir, None to start afresh.
        seed: of weights, data order and augmentation.
        global_batch: images that all processes together see in an iteration; each sees as many as the config says
            where None.
        early_stop: stop after this many validations that did not improve the figure that the best is kept by.
        on_bad_sample: ``stop`` at a damaged file, or ``skip`` and count it; as the config says where None.
        cache: folder that keeps decoded tiles, for later epochs and runs.
        speed: ``off`` computes as mmseg does, ``safe`` gives the same numbers faster, ``max`` is in bfloat16 too.
        compile: compile the network: slow to start, faster then.
        track: trackers that record the run: ``tensorboard``, ``mlflow``, ``wandb``, a list or separated by commas.
        launcher: what started several processes: ``none``, ``pytorch`` or ``slurm``.
        cfg_options: settings of the config to override, by dotted keys.
    """

    data_root: str | Path | None = None
    work_dir: str | Path | None = None
    pretrained: str | None = None
    teacher: str | None = None
    resume: str | None = None
    seed: int | None = None
    global_batch: int | None = None
    early_stop: int | None = None
    on_bad_sample: str | None = None
    cache: str | Path | None = None
    speed: Level = 'safe'
    compile: bool = False
    track: str | Sequence[str] = ()
    launcher: str = 'none'
    cfg_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainResult:
    """What a training has left.

    Attributes:
        work_dir: folder of logs and checkpoints.
        checkpoint: the best one of this run, or its last where the config keeps no best one; None where it saves none.
            The same in every process, though of several machines the first may be the only one that has the file.
        figures: of the last validation, such as ``mIoU``, percent; empty without one.
        pictures: curves and sample predictions.
    """

    work_dir: Path
    checkpoint: Path | None
    figures: dict[str, float]
    pictures: tuple[Path, ...]


def prepare_pretrained(model: Any) -> None:
    """Point a ``Pretrained`` backbone to a local file that fills it.

    :class:`~mmseg_aux_hrnet.models.HRNetV2` sees to it itself. Other backbones are filled by mmengine, which ends in a
    traceback offline, and starts from random weights with a note in the log where keys differ.

    Args:
        model: a segmentor, or its wrapper for several devices.

    Raises:
        CheckpointError: the file is not there and cannot be downloaded, is not safe, or leaves weights unfilled.
    """
    backbone: Any = unwrapped(model).backbone
    init_cfg = getattr(backbone, 'init_cfg', None)
    if isinstance(backbone, HRNetV2) or not isinstance(init_cfg, dict) or init_cfg.get('type') != 'Pretrained':
        return
    path = weights_file(init_cfg['checkpoint'])
    checkpoint = Checkpoint(path)
    check_mmengine_reads(checkpoint)
    weights = checkpoint.weights
    prefix = next((prefix for prefix in ('model.', 'backbone.') if any(key.startswith(prefix) for key in weights)), '')
    # mmengine takes the weights of one prefix; published files have the backbone under either name, or under none.
    own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    faults = mismatches(backbone.state_dict(), own)
    unfilled = faults['missing'] + faults['other shape']
    if unfilled:
        raise CheckpointError(
            f'{path} leaves {counted(len(unfilled), "weight")} of {type(backbone).__name__} unfilled, first '
            f'{unfilled[0]}: give weights of this backbone, or --pretrained none'
        )
    backbone.init_cfg = {**init_cfg, 'checkpoint': str(path), **({'prefix': prefix} if prefix else {})}


def _edit(config: Config, options: TrainOptions, *, name: str) -> Path | None:
    """Change the config as the options say, and return the checkpoint to go on from, if any.

    These are all edits of a config that is trained, in the order that matters.
    """
    launch.check_starts(options.resume)
    # Processes meet first: that chooses the device that later edits ask for, and those that cannot leave no folder.
    launch.join_processes(config, options.launcher)
    set_work_dir(config, options.work_dir, name=name)
    # Where the data are, before what is done with them: a missing folder is the fault that most beginners have.
    set_data_root(config, options.data_root)
    check_data_root(config, ('train_dataloader', 'val_dataloader'))
    # Before all that asks for heads or figures: both depend on the classes of the data.
    tile_config.fill_for_training(config)
    training_config.set_pretrained(config, options.pretrained)
    training_config.set_teacher(config, options.teacher)
    if options.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': options.seed}
    training_config.set_global_batch(config, options.global_batch)
    training_config.set_on_bad_sample(config, options.on_bad_sample)
    training_config.set_cache(config, options.cache)
    training_config.set_early_stop(config, options.early_stop)
    training_config.set_trackers(config, options.track or ())
    # The level can replace the optimizer wrapper: the precision is checked of the one that is left.
    training_config.set_speed(config, options.speed)
    training_config.check_precision(config)
    training_config.check_schedule(config)
    checkpoint = checkpoint_to_resume(options.resume, Path(config.work_dir))
    if checkpoint is not None:
        # Last: the checkpoint takes the place of any weights of the backbone.
        training_config.set_resume(config, checkpoint)
    elif training_config.starts_from_zoo(config):
        training_config.set_zoo_start(config)
    return checkpoint


def train(config: str | Path | Config, options: TrainOptions | None = None) -> TrainResult:
    """Train a model.

    Args:
        config: a file, ``mmseg_aux_hrnet::hrnet/LEAF.py`` for one of this package, or a config that was loaded, which
            stays as it is.
        options: what the run changes of it; None for nothing.

    Raises:
        TrainingInterrupted: a signal came; a checkpoint is saved.
        AuxHRNetError: in one line, what is wrong with an option, the config, the data or a checkpoint.
    """
    options = options or TrainOptions()
    name = config_name(config)
    config = load_config(config, options.cfg_options)
    checkpoint = _edit(config, options, name=name)
    work_dir = Path(config.work_dir)
    runner = Runner.from_cfg(config)
    fill_sizes(runner.model)  # for validation
    speed.apply(runner.model, options.speed, training=True, compiled=options.compile)
    bands = dataset_bands(config, 'train_dataloader')
    if checkpoint is not None:
        check_bands(Checkpoint(checkpoint), bands)
        check_fits(runner.model, checkpoint, resume=True)
    elif training_config.starts_from_zoo(config):
        classes = dataset_meta(config).get('classes') or ()
        anew = check_start(config.load_from, runner.model, classes=classes, bands=bands)
        runner.register_hook(LeaveOutHook(anew))
    elif config.get('load_from'):
        check_bands(Checkpoint(config.load_from), bands, same_rule=False)  # to go on with other data is usual
        check_fits(runner.model, Path(config.load_from))
    else:
        prepare_pretrained(runner.model)
    start, most = launch.starts()
    if start > 1:
        runner.logger.info(f'start {start} of at most {most}: torchrun started all processes again, for one was lost')
    if options.resume is not None and checkpoint is None:
        runner.logger.info(f'there is nothing to resume in {work_dir}: the training starts from the beginning')
    check_batches(runner)
    train_runner(runner)
    scalars = runner.message_hub.log_scalars
    figures = {
        key.removeprefix('val/'): float(buffer.current())
        for key, buffer in scalars.items()
        if key.startswith('val/') and key not in ('val/time', 'val/data_time')  # seconds that mmengine took
    }
    pictures = tuple(work_dir / name for name in PICTURES if (work_dir / name).is_file())
    return TrainResult(work_dir, _kept_checkpoint(runner, work_dir), figures, pictures)


def _kept_checkpoint(runner: Runner, work_dir: Path) -> Path | None:
    """Return the best checkpoint of a training that has ended, else its last; None where none was saved.

    The run's own notes say it. The folder may hold a best one of an earlier run, and the first process may write still.
    """
    if not any(isinstance(hook, CheckpointHook) for hook in runner.hooks):
        return None  # the notes can be those of the run that was resumed
    notes = runner.message_hub.runtime_info
    best = (path for key, path in notes.items() if key.startswith('best_ckpt'))  # of several figures, one for each
    path = next(best, notes.get('last_ckpt'))
    if path is None:
        return None
    moved = work_dir / Path(path).name  # the work dir was renamed or copied before it was resumed
    return moved if moved.is_file() else Path(path)
