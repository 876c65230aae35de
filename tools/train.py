"""Train a model: python tools/train.py CONFIG."""

import argparse
import sys


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
    add('--speed', choices=('off', 'safe', 'max'), default='safe', help='off: as mmseg computes; max: also in bfloat16')
    add('--compile', action='store_true', help='compile the network: slow to start, faster then')
    add('--tensorboard', action='store_true', help='write the figures for TensorBoard too')
    add('--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='what started several processes')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings of the config to override')
    return line


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parser().parse_args(argv)
    try:
        from mmseg_aux_hrnet.run.command import run_tool
        from mmseg_aux_hrnet.run.training import run_training
    except ImportError as error:  # the stack is missing: its message says what to type
        print(f'error: {error}', file=sys.stderr)
        return 2
    return run_tool(run_training, args)


if __name__ == '__main__':
    sys.exit(main())
