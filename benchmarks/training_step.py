"""Times one training step of networks with auxiliary decoders: forward, losses of the config, backward, optimizer.

Usage: python benchmarks/training_step.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
import copy
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from contenders import CONFIGS, SMALLEST, build, leaf, stock_model
from mmengine.optim import OptimWrapper
from noise import batch
from results import OURS, STOCK, Result, command_line, compared, run_part
from turns import clock_for, in_turns

from mmseg_aux_hrnet import speed

PART = 'training step'
IMAGES, SIZE, TOY_SIZE = 2, (256, 512), (64, 64)  # (height, width)
TOLERANCE = 1e-6  # of losses and gradients, relative to the largest


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    clock = clock_for(args.threads)
    model = leaf(network).model
    models = {STOCK: build(stock_model(model)), OURS: build(model)}
    models[STOCK].load_state_dict(models[OURS].state_dict())
    speed.apply(models[OURS], training=True)
    size = TOY_SIZE if args.toy else SIZE
    given = batch(IMAGES, size=size)
    equal = check_equal(models, given)
    steps = {who: partial(segmentor.train_step, given, optimizer_of(segmentor)) for who, segmentor in models.items()}
    work = f'{network} + 2 auxiliary decoders, {IMAGES} x {size[0]}x{size[1]}'
    yield from compared(PART, work, in_turns(steps, rounds=args.rounds, clock=clock), unit=clock.unit, equal=equal)


def optimizer_of(segmentor: Any) -> OptimWrapper:
    """Return the optimizer of the configs."""
    return OptimWrapper(torch.optim.SGD(segmentor.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005))


def check_equal(models: dict[str, Any], given: dict[str, Any]) -> str:
    """Raise unless both have the same loss and gradients; say how close they are.

    In double precision, because batch norms over a few pixels make single-precision rounding large.
    """
    losses, gradients = {}, {}
    for who, segmentor in models.items():
        double = copy.deepcopy(segmentor).train().double()
        data = double.data_preprocessor(given, True)
        loss, _ = double.parse_losses(double.loss(data['inputs'].double(), data['data_samples']))
        loss.backward()
        losses[who] = loss.item()
        gradients[who] = torch.cat([values.grad.flatten() for values in double.parameters()])
    apart = ((gradients[OURS] - gradients[STOCK]).abs().max() / gradients[STOCK].abs().max()).item()
    loss_apart = abs(losses[OURS] - losses[STOCK]) / losses[STOCK]
    assert max(apart, loss_apart) < TOLERANCE, f'losses differ by {loss_apart:.1e}, gradients by {apart:.1e}'
    return f'same weights; in float64 losses within {loss_apart:.0e}, gradients within {apart:.0e}'


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    torch.set_num_threads(args.threads)
    for network in [SMALLEST] if args.toy else args.networks:
        yield from rows(network, args)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=5)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
