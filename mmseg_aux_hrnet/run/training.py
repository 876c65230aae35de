"""Trains as a command line says: a config in, checkpoints and logs out."""

import errno
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmseg_aux_hrnet.engine.hooks.interrupt_hook import InterruptHook
from mmseg_aux_hrnet.errors import AuxHRNetError, CheckpointError, ResourceError
from mmseg_aux_hrnet.models import HRNetV2, speed
from mmseg_aux_hrnet.run import config as run_config
from mmseg_aux_hrnet.run import launch, training_config
from mmseg_aux_hrnet.weights import (
    Checkpoint,
    check_fits,
    check_mmengine_reads,
    checkpoint_to_resume,
    mismatches,
    weights_file,
)


def prepare_pretrained(model: Any) -> None:
    """Point a ``Pretrained`` backbone to a local file that fills it.

    :class:`~mmseg_aux_hrnet.models.HRNetV2` sees to it itself. Other backbones are filled by mmengine, which ends in a
    traceback offline, and starts from random weights with a note in the log where keys differ.

    Args:
        model: a segmentor, or its wrapper for several devices.

    Raises:
        CheckpointError: the file is not there and cannot be downloaded, is not safe, or leaves weights unfilled.
    """
    backbone = (model.module if is_model_wrapper(model) else model).backbone
    init_cfg = getattr(backbone, 'init_cfg', None)
    if isinstance(backbone, HRNetV2) or not isinstance(init_cfg, dict) or init_cfg.get('type') != 'Pretrained':
        return
    path = weights_file(init_cfg['checkpoint'])
    check_mmengine_reads(path)
    weights = Checkpoint(path).weights
    prefix = next((prefix for prefix in ('model.', 'backbone.') if any(key.startswith(prefix) for key in weights)), '')
    own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    faults = mismatches(backbone.state_dict(), own)
    unfilled = faults['missing'] + faults['other shape']
    if unfilled:
        raise CheckpointError(
            f'{path} leaves {len(unfilled)} weights of {type(backbone).__name__} unfilled, first {unfilled[0]}: '
            'give weights of this backbone, or --pretrained none'
        )
    backbone.init_cfg = {**init_cfg, 'checkpoint': str(path), **({'prefix': prefix} if prefix else {})}


def train(runner: Any) -> None:
    """Train with mmengine's runner.

    Raises:
        TrainingInterrupted: a signal came; a checkpoint is saved.
        ResourceError: memory or disk space ran out.
        AuxHRNetError: anything else that is known to go wrong.
    """
    interrupts = [hook for hook in runner.hooks if isinstance(hook, InterruptHook)]
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            runner.logger.info(best_rule(hook))
    try:
        runner.train()
    except AuxHRNetError:
        raise
    except (RuntimeError, MemoryError, OSError) as error:
        for hook in interrupts:
            if hook.received is not None and is_worker_loss(error):
                hook.stop(runner, done=runner.iter)  # no step was under way: the loss shows when data are waited for
        explained = explain(error)
        if explained is None:
            raise
        raise explained from error
    finally:
        for hook in interrupts:
            hook.release()
        for loop in (runner._train_loop, runner._val_loop):
            end_workers(getattr(loop, 'dataloader', None))


def best_rule(hook: CheckpointHook) -> str:
    """Say by which figure of validation the best checkpoint is chosen."""
    if not hook.save_best:
        return 'no best checkpoint is kept: name a figure with --cfg-options default_hooks.checkpoint.save_best=mIoU'
    if hook.key_indicators == ['auto']:
        return 'the best checkpoint is chosen by the first figure that validation gives (save_best is auto)'
    figures = (f'{key}, {rule} is better' for key, rule in zip(hook.key_indicators, hook.rules, strict=True))
    return f'the best checkpoint is chosen by {"; by ".join(figures)}'


def end_workers(dataloader: Any) -> None:
    """End the workers that wait for the next epoch; torch waits five seconds for each when they are left to it."""
    batches = getattr(dataloader, '_iterator', None)
    if batches is not None and hasattr(batches, '_shutdown_workers'):
        batches._shutdown_workers()


def is_worker_loss(error: BaseException) -> bool:
    """Say whether a data loader's worker went away."""
    return re.search(r'DataLoader worker \(pid.*(killed by signal|exited unexpectedly)', str(error)) is not None


def explain(error: BaseException) -> ResourceError | None:
    """Say in one line which resource ran out, or None if the error is of another kind."""
    text = f'{error} {error.__cause__ or ""}'.strip()  # the cause tells the signal that ended a worker
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, getattr(errno, 'EDQUOT', None))
        return ResourceError(f'no space left to write {error.filename or "a file"}: make room') if full else None
    if 'shared memory' in text or 'Bus error' in text:
        return ResourceError(
            'a data loader worker ran out of shared memory: enlarge /dev/shm (docker run --shm-size), or load without '
            'workers: --cfg-options train_dataloader.num_workers=0'
        )
    if is_worker_loss(error):
        return ResourceError(
            f'a data loader worker was ended from outside ({_way(text)}), most likely because memory ran out: use '
            'fewer workers or smaller batches, such as --cfg-options train_dataloader.num_workers=1'
        )
    if isinstance(error, MemoryError) or re.search('out of memory|allocate memory|not enough memory', text):
        return ResourceError(
            f'memory ran out ({text.splitlines()[0][:150] if text else "MemoryError"}): use smaller batches or crops, '
            'such as --cfg-options train_dataloader.batch_size=1'
        )
    return None


def _way(text: str) -> str:
    signal_name = re.search(r'killed by signal: ([\w ]+)', text)
    return f'signal {signal_name.group(1).strip()}' if signal_name else 'exited unexpectedly'


def run_training(args: Namespace) -> str:
    """Train as ``tools/train.py`` is told to, and return the closing line.

    Raises:
        AuxHRNetError: in one line, what is wrong with an argument, the config, the data or a checkpoint.
    """
    config = run_config.load_config(args.config, run_config.parse_options(args.cfg_options))
    launch.join_processes(config, args.launcher)
    work_dir = run_config.set_work_dir(config, args.work_dir, name=Path(args.config).stem)
    _prepare(config, args)
    checkpoint = checkpoint_to_resume(args.resume, work_dir)
    if checkpoint is not None:
        training_config.set_resume(config, checkpoint)
    runner = Runner.from_cfg(config)
    speed.apply(runner.model, args.speed, training=True, compiled=args.compile)
    if checkpoint is not None:
        check_fits(runner.model, checkpoint, resume=True)
    elif config.get('load_from'):
        check_fits(runner.model, Path(config.load_from))
    else:
        prepare_pretrained(runner.model)
    if args.resume is not None and checkpoint is None:
        print(f'nothing to resume in {work_dir}: starting afresh')
    train(runner)
    pictures = (name for name in ('training_curve.png', 'validation_samples.png') if (work_dir / name).is_file())
    return f'{", ".join(("checkpoints", "log", *pictures))}: {work_dir}'


def _prepare(config: Config, args: Namespace) -> None:
    """Edit the config as the command line says."""
    run_config.set_data_root(config, args.data_root)
    run_config.check_data_root(config, ('train_dataloader', 'val_dataloader'))
    training_config.set_pretrained(config, args.pretrained)
    training_config.set_teacher(config, args.teacher)
    if args.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': args.seed}
    training_config.set_on_bad_sample(config, args.on_bad_sample)
    training_config.set_cache(config, args.cache)
    training_config.set_early_stop(config, args.early_stop)
    if args.tensorboard:
        training_config.set_tensorboard(config)
    training_config.set_speed(config, args.speed)
    training_config.check_precision(config)
