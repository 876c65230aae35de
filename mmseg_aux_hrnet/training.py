"""Trains as a command line says: a config in, checkpoints and logs out."""

from argparse import Namespace
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmseg_aux_hrnet import engine, input_cache, launch, run_config, speed
from mmseg_aux_hrnet.pretrained import prepare_pretrained
from mmseg_aux_hrnet.weights import check_fits, check_resumable, checkpoint_to_resume


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
        run_config.set_resume(config, checkpoint)
    runner = Runner.from_cfg(config)
    speed.apply(runner.model, args.speed, training=True, compiled=args.compile)
    if checkpoint is not None:
        check_resumable(runner.model, checkpoint)
    elif config.get('load_from'):
        check_fits(runner.model, Path(config.load_from))
    else:
        prepare_pretrained(runner.model)
    if args.resume is not None and checkpoint is None:
        print(f'nothing to resume in {work_dir}: starting afresh')
    engine.train(runner)
    pictures = (name for name in ('training_curve.png', 'validation_samples.png') if (work_dir / name).is_file())
    return f'{", ".join(("checkpoints", "log", *pictures))}: {work_dir}'


def _prepare(config: Config, args: Namespace) -> None:
    """Edit the config as the command line says."""
    run_config.set_data_root(config, args.data_root)
    run_config.check_data_root(config, ('train_dataloader', 'val_dataloader'))
    run_config.set_pretrained(config, args.pretrained)
    run_config.set_teacher(config, args.teacher)
    if args.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': args.seed}
    run_config.set_on_bad_sample(config, args.on_bad_sample)
    input_cache.set_cache(config, args.cache)
    run_config.set_early_stop(config, args.early_stop)
    if args.tensorboard:
        run_config.set_tensorboard(config)
    speed.set_speed(config, args.speed)
    run_config.check_precision(config)
