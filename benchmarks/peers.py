"""Times the prediction of images by HRNet of this package, of mmseg, of timm and of segmentation-models-pytorch.

Usage: python benchmarks/peers.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from contenders import CONFIGS, SMALLEST, largest_difference, leaf, segmentors
from libraries import add_peers, missing, smp_prediction, timm_segmentor
from noise import batch
from results import OURS, STOCK, Result, command_line, compared, not_measured, run_part
from turns import in_turns

PART = 'prediction, libraries'
SIZES = (((512, 512), 1), ((512, 512), 4), ((1024, 2048), 1))  # (height, width), images at once
TOY_SIZES = (((64, 64), 1),)
TOLERANCE = 1e-4  # of the logits, relative to the largest
LIBRARIES = {'timm': 'timm', 'segmentation-models-pytorch': 'segmentation_models_pytorch'}
OTHER = 'no: another decoder, the U-Net of the library'


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    stock, ours = segmentors(leaf(network).model)
    works: dict[str, Callable[[Any], Any]] = {STOCK: stock.test_step, OURS: ours.test_step}
    reasons = {who: missing(module) for who, module in LIBRARIES.items()}
    if reasons['timm'] is None:
        works['timm'] = timm_segmentor(stock, network).test_step
    if reasons['segmentation-models-pytorch'] is None:
        works['segmentation-models-pytorch'] = smp_prediction(stock, network)
    for (height, width), count in TOY_SIZES if args.toy else SIZES:
        work = f'{network}, {count} x {height}x{width}'
        given = batch(count, size=(height, width))
        equal = check_equal(works, given)
        times = in_turns({who: partial(predict, given) for who, predict in works.items()}, rounds=args.rounds)
        for result in compared(PART, work, times, unit='ms', equal=equal):
            yield result if result.who in (STOCK, OURS, 'timm') else replace(result, equal=OTHER)
        yield from (not_measured(PART, work, who, reason=reason) for who, reason in reasons.items() if reason)


def check_equal(works: dict[str, Callable[[Any], Any]], given: dict[str, Any]) -> str:
    """Raise unless all that have the same weights predict the same logits; say how close they are."""
    logits = {who: predict(given)[0].seg_logits.data for who, predict in works.items() if who in (STOCK, OURS, 'timm')}
    apart = max(largest_difference(values, logits[STOCK]) for values in logits.values())
    assert apart < TOLERANCE, f'logits differ by {apart:.1e} of the largest'
    return f'same weights, logits within {apart:.0e}'


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    torch.set_num_threads(args.threads)
    add_peers(args.peers)
    for network in [SMALLEST] if args.toy else args.networks:
        yield from rows(network, args)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=5)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
