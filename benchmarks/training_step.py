"""Times one training step of networks with auxiliary decoders: forward, losses of the config, backward, optimizer.

Usage: python benchmarks/training_step.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
import copy
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from contenders import CONFIGS, SMALLEST, check_apart, leaf, our_segmentor, stock_segmentor
from mmengine.optim import OptimWrapper
from noise import batch
from numpy.typing import NDArray
from results import OURS, STOCK, Result, command_line, compared, run_part, under_way
from turns import clock_for
from workers import started, workers_in_turns

PART = 'training step'
IMAGES, SIZE, TOY_SIZE = 2, (256, 512), (64, 64)  # (height, width)
TOLERANCE = 1e-6  # of losses and gradients, relative to the largest


class Trainer:
    """Takes training steps, by mmseg's network or ours of the same weights."""

    def __init__(self, who: str, *, network: str) -> None:
        model = leaf(network).model
        if who == STOCK:
            self.segmentor = stock_segmentor(model)
        else:
            from at_speed import at_speed

            self.segmentor = at_speed(our_segmentor(model), training=True)
        self.segmentor.train()
        sgd = torch.optim.SGD(self.segmentor.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
        self._optimizer = OptimWrapper(sgd)

    def prepare(self, size: tuple[int, int], file: Path) -> float:
        """Make images, (height, width), return the loss of them and write its gradients, (parameters,), into a file.

        In double precision, because batch norms over a few pixels make single-precision rounding large.
        """
        self._given = batch(IMAGES, size=size)
        double = copy.deepcopy(self.segmentor).double()
        data = double.data_preprocessor(self._given, True)
        loss, _ = double.parse_losses(double.loss(data['inputs'].double(), data['data_samples']))
        loss.backward()
        np.save(file, torch.cat([values.grad.flatten() for values in double.parameters()]).numpy())
        return float(loss.item())

    def run(self) -> None:
        """Take one step."""
        self.segmentor.train_step(self._given, self._optimizer)


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    clock, size = clock_for(args.threads), TOY_SIZE if args.toy else SIZE
    work = f'{network} + 2 auxiliary decoders, {IMAGES} x {size[0]}x{size[1]}'
    builders = {who: partial(Trainer, who, network=network) for who in (STOCK, OURS)}
    with started(builders, threads=args.threads) as workers, under_way(f'{PART}: {work}'):
        check_apart(workers, ours=[OURS])
        with tempfile.TemporaryDirectory() as folder:
            files = {who: Path(folder, f'{who}.npy') for who in workers}
            losses = {who: worker.prepare(size, files[who]) for who, worker in workers.items()}
            equal = check_equal(losses, {who: np.load(file) for who, file in files.items()})
        times = workers_in_turns(workers, rounds=args.rounds, clock=clock)
    yield from compared(PART, work, times, unit=clock.unit, equal=equal)


def check_equal(losses: Mapping[str, float], gradients: Mapping[str, NDArray[np.float64]]) -> str:
    """Raise unless both have the same loss and gradients; say how close they are."""
    apart = float(np.abs(gradients[OURS] - gradients[STOCK]).max() / np.abs(gradients[STOCK]).max())
    loss_apart = abs(losses[OURS] - losses[STOCK]) / losses[STOCK]
    assert max(apart, loss_apart) < TOLERANCE, f'losses differ by {loss_apart:.1e}, gradients by {apart:.1e}'
    return f'same weights; in float64 losses within {loss_apart:.0e}, gradients within {apart:.0e}'


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    for network in [SMALLEST] if args.toy else args.networks:
        yield from rows(network, args)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=5)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
