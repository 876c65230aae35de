"""Times the prediction of images by HRNet: here, in mmseg, timm, segmentation-models-pytorch, and as an ONNX file.

Usage: python benchmarks/prediction.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from contenders import CONFIGS, SMALLEST, build, leaf, segmentors, without_gradients
from exported import onnx_content, prediction, runtimes
from libraries import SMP, add_peers, missing, smp_prediction, timm_segmentor
from noise import batch
from results import OURS, STOCK, Result, command_line, compared, not_measured, run_part
from turns import clock_for, in_turns

PART = 'prediction'
SIZES = (((512, 512), 1), ((512, 512), 4), ((1024, 2048), 1))  # (height, width), images at once
TOY_SIZES = (((64, 64), 1),)
TOLERANCE, SPAN = 1e-4, 0.5  # of probabilities
PEERS = {'timm': 'timm', SMP: 'segmentation_models_pytorch', 'onnxruntime': 'onnxruntime', 'openvino': 'openvino'}
OTHER = 'no: another decoder, the U-Net of the library'
Predict = Callable[[dict[str, Any]], Any]


def contenders(network: str, *, threads: int) -> dict[str, Predict]:
    """Return how each predicts a batch; all but one have the same network and weights."""
    model = leaf(network).model
    stock, ours = segmentors(model)
    works: dict[str, Predict] = {STOCK: without_gradients(stock.test_step), OURS: without_gradients(ours.test_step)}
    if missing('timm') is None:
        works['timm'] = without_gradients(timm_segmentor(stock, network).test_step)
    if missing('segmentation_models_pytorch') is None:
        works[SMP] = smp_prediction(stock, network)
    if missing('onnxruntime') is None and missing('onnxscript') is None:
        runs = runtimes(onnx_content(build(model)), threads=threads)
        works |= {name: prediction(run) for name, run in runs.items()}
    return works


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    clock = clock_for(args.threads)
    works = contenders(network, threads=args.threads)
    for (height, width), count in TOY_SIZES if args.toy else SIZES:
        work = f'{network}, {count} x {height}x{width}'
        given = batch(count, size=(height, width))
        equal = check_equal(works, given)
        tasks = {who: partial(predict, given) for who, predict in works.items()}
        times = in_turns(tasks, rounds=args.rounds, clock=clock)
        for result in compared(PART, work, times, unit=clock.unit, equal=equal):
            yield replace(result, equal=OTHER) if result.who == SMP else result
    for who, module in PEERS.items():
        if reason := missing(module):
            yield not_measured(PART, network, who, reason=reason)


def check_equal(works: dict[str, Predict], given: dict[str, Any]) -> str:
    """Raise unless all that have the same weights predict the same probabilities; say how close they are."""
    found = {who: _probabilities(predict(given)) for who, predict in works.items() if who != SMP}
    apart = max((values - found[STOCK]).abs().max().item() for values in found.values())
    assert apart < TOLERANCE, f'probabilities differ by {apart:.1e}'
    assert found[STOCK].max() - found[STOCK].min() > SPAN, 'the probabilities are too much alike to be compared'
    return f'same weights, probabilities within {apart:.0e}'


def _probabilities(prediction: Any) -> torch.Tensor:
    if isinstance(prediction, torch.Tensor):
        return prediction
    return torch.stack([sample.seg_logits.data for sample in prediction]).softmax(dim=1)


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
