"""Train a model: python tools/train.py CONFIG."""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # at the end, where it hides no other module

from _aux_hrnet_shared import add_shared, answer_official, official_form, run


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description='Train the network of a config.')
    add = line.add_argument
    add('config', help='a config file, such as configs/hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py')
    add_shared(line, '--data-root')
    add('--work-dir', metavar='DIR', help='folder for logs and checkpoints (default: work_dirs/CONFIG)')
    add('--pretrained', metavar='PATH', help="start the backbone from this file, or 'none' for random weights")
    add(
        '--teacher',
        metavar='PATH',
        help='checkpoint or work dir of the teacher, for configs with distill in their name',
    )
    add('--resume', nargs='?', const='auto', metavar='FILE', help='continue from this checkpoint, or from the last one')
    add('--seed', type=int, help='seed of weights, data order and augmentation')
    add('--global-batch', type=int, metavar='N', help='images of an iteration, shared evenly by all processes')
    add('--early-stop', type=int, metavar='N', help='stop after N validations that do not improve the best figure')
    add('--on-bad-sample', choices=('stop', 'skip'), help='a damaged file: stop (default), or skip and count it')
    add('--cache', metavar='DIR', help='keep decoded tiles in this folder, for later epochs and runs')
    add_shared(line, '--speed', '--compile')
    add('--track', action='append', metavar='NAME,...', help='record the run in tensorboard, mlflow or wandb, offline')
    add('--tensorboard', action='append_const', dest='track', const='tensorboard', help='as --track tensorboard')
    add_shared(line, '--launcher', '--cfg-options')
    return line


def work(args: argparse.Namespace) -> str:
    """Train as the command line says and return the closing line."""
    from mmseg_aux_hrnet.run import TrainOptions, train
    from mmseg_aux_hrnet.run.config import parse_options

    given = vars(args)
    config, options = given.pop('config'), parse_options(given.pop('cfg_options'))
    result = train(config, TrainOptions(**given, cfg_options=options))
    return f'{", ".join(("checkpoints", "log", *(path.name for path in result.pictures)))}: {result.work_dir}'


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    if official_form(argv):
        return answer_official('train', argv)
    return run(parser(), work, argv)


if __name__ == '__main__':
    sys.exit(main())
