"""Times the prediction of images by HRNet: here, in mmseg, timm, segmentation-models-pytorch, and as an ONNX file.

Usage: python benchmarks/prediction.py [--networks NAME...] [--sizes 1x512x512...] [--rounds N] [--toy]
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from contenders import CONFIGS, SMALLEST, check_apart
from libraries import SMP, missing
from numpy.typing import NDArray
from predictors import MAX, NEEDS, SPEEDS, Predictor
from results import OURS, STOCK, Result, command_line, compared, not_measured, run_part, under_way
from turns import clock_for
from workers import Worker, started, workers_in_turns

PART = 'prediction'
TOLERANCE, SPAN = 1e-4, 0.5  # of probabilities
OTHER = 'no: another decoder, the U-Net of the library'


class Work(NamedTuple):
    """Images at once, and their size in pixels."""

    images: int
    height: int
    width: int

    def __str__(self) -> str:
        return f'{self.images} x {self.height}x{self.width}'


WORKS = (Work(1, 512, 512), Work(4, 512, 512), Work(1, 1024, 2048))
TOY_WORKS = (Work(1, 64, 64),)


def contenders(args: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """Return who predicts, and of the others why not."""
    absent = {}
    for who, modules in NEEDS.items():
        if reasons := [reason for module in modules if (reason := missing(module, args.peers))]:
            absent[who] = reasons[0]
    ours = [OURS, MAX] if _has_bfloat16() else [OURS]
    return [STOCK, *ours, *(who for who in NEEDS if who not in absent)], absent


def _has_bfloat16() -> bool:
    from mmseg_aux_hrnet.models.speed import has_bfloat16  # here: the other processes import this file too

    return has_bfloat16(torch.device('cpu'))


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    present, absent = contenders(args)
    given: dict[str, Any] = {'network': network, 'threads': args.threads, 'peers': args.peers}
    builders = {who: partial(Predictor, who, **given) for who in present}
    with started(builders, threads=args.threads) as workers:
        check_apart(workers, ours=SPEEDS.keys() & workers.keys())
        for work in TOY_WORKS if args.toy else args.sizes:
            yield from rows_of_work(network, work, workers, args)
    for who, reason in absent.items():
        yield not_measured(PART, network, who, reason=reason)


def rows_of_work(network: str, work: Work, workers: Mapping[str, Worker], args: argparse.Namespace) -> Iterable[Result]:
    """Return the rows of images of one size."""
    clock, name = clock_for(args.threads), f'{network}, {work}'
    with under_way(f'{PART}: {name}'):
        found = {who: worker.prepare(work.images, (work.height, work.width)) for who, worker in workers.items()}
        equal = check_equal({who: values for who, values in found.items() if who not in (SMP, MAX)})
        others = {SMP: OTHER, MAX: in_bfloat16(found[MAX], found[STOCK]) if MAX in found else ''}
        times = workers_in_turns(workers, rounds=args.rounds, clock=clock)
    results = compared(PART, name, times, unit=clock.unit, equal=equal)
    return [replace(result, equal=others.get(result.who, equal)) for result in results]


def check_equal(found: Mapping[str, NDArray[np.float32]]) -> str:
    """Raise unless all predict the same probabilities, (N, classes, H, W); say how close they are."""
    apart = max(float(np.abs(values - found[STOCK]).max()) for values in found.values())
    assert apart < TOLERANCE, f'probabilities differ by {apart:.1e}'
    assert np.ptp(found[STOCK]) > SPAN, 'the probabilities are too much alike to be compared'
    return f'same weights, probabilities within {apart:.0e}'


def in_bfloat16(mine: NDArray[np.float32], stock: NDArray[np.float32]) -> str:
    """Say at how many pixels probabilities, (N, classes, H, W), decide for another class than mmseg's."""
    share = float((mine.argmax(axis=1) != stock.argmax(axis=1)).mean())
    return f'no: bfloat16, {100 * share:.2g} % of pixels in another class'


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    for network in [SMALLEST] if args.toy else args.networks:
        yield from rows(network, args)


def size(text: str) -> Work:
    """Return the images that a text such as 4x512x512 names: how many, height and width."""
    work = Work(*map(int, text.split('x')))
    if min(work) < 1 or work.height % 32 or work.width % 32:  # see contenders.py
        raise ValueError(text)
    return work


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=5)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    what = 'images at once, height and width, multiples of 32 pixels (default: 1x512x512 4x512x512 1x1024x2048)'
    line.add_argument('--sizes', nargs='+', type=size, default=WORKS, metavar='NxHxW', help=what)
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
