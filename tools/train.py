"""Train a model: python tools/train.py CONFIG."""

import argparse
import sys
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description='Train a model as a config describes it.')
    add = line.add_argument
    add('config', help='a config file, such as configs/hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py')
    add('--data-root', metavar='DIR', help='folder of the data set, for every loader of the config')
    add('--work-dir', metavar='DIR', help='folder for logs and checkpoints (default: work_dirs/CONFIG)')
    add('--pretrained', metavar='PATH', help="start the backbone from this file; 'none': from random weights")
    add('--teacher', metavar='PATH', help='distil from this checkpoint or work dir; for configs named distill')
    add('--resume', nargs='?', const='auto', metavar='FILE', help='go on from this checkpoint, else from the last one')
    add('--seed', type=int, help='seed of weights, data order and augmentation')
    add('--early-stop', type=int, metavar='N', help='stop after N validations that did not improve the best figure')
    add('--on-bad-sample', choices=('stop', 'skip'), help='at a damaged file: stop (default), or skip and count it')
    add('--cache', metavar='DIR', help='keep decoded tiles in this folder, for later epochs and runs')
    add('--tensorboard', action='store_true', help='write the figures for TensorBoard too')
    add('--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='what started several processes')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings of the config to override')
    return line


def train(args: argparse.Namespace) -> str:
    """Train as the command line says and return the closing line."""
    from mmengine.runner import Runner

    from mmseg_aux_hrnet import engine, input_cache, launch, run_config
    from mmseg_aux_hrnet.pretrained import prepare_pretrained
    from mmseg_aux_hrnet.weights import check_fits, check_resumable, checkpoint_to_resume

    config = run_config.load_config(args.config, run_config.parse_options(args.cfg_options))
    launch.join_processes(config, args.launcher)
    work_dir = run_config.set_work_dir(config, args.work_dir, name=Path(args.config).stem)
    run_config.set_data_root(config, args.data_root)
    run_config.check_data_root(config, ('train_dataloader', 'val_dataloader'))
    run_config.set_pretrained(config, args.pretrained)
    run_config.set_teacher(config, args.teacher)
    if args.seed is not None:
        config.randomness = {**config.get('randomness', {}), 'seed': args.seed}
    checkpoint = checkpoint_to_resume(args.resume, work_dir)
    if checkpoint is not None:
        run_config.set_resume(config, checkpoint)
    run_config.set_on_bad_sample(config, args.on_bad_sample)
    input_cache.set_cache(config, args.cache)
    run_config.set_early_stop(config, args.early_stop)
    if args.tensorboard:
        run_config.set_tensorboard(config)
    run_config.check_precision(config)
    runner = Runner.from_cfg(config)
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


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.command import run_tool
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(train, args)


if __name__ == '__main__':
    sys.exit(main())
