"""Predicts or trains in a process of its own and prints how much memory that took; run by memory.py.

Usage: python benchmarks/memory_process.py CONFIG --who WHO --network NAME --count N --size H W [--train] [--peers DIR]
"""

import argparse
import contextlib
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import OURS, STOCK
from turns import loads_this_package, peak_memory

PASSES = 3


def main() -> None:
    """Do the work and print the peaks before and after as one line of JSON."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument('config')
    line.add_argument('--who', required=True, choices=(STOCK, OURS, 'timm', 'segmentation-models-pytorch'))
    line.add_argument('--network', required=True)
    line.add_argument('--count', type=int, required=True)
    line.add_argument('--size', type=int, nargs=2, required=True)
    line.add_argument('--train', action='store_true')
    line.add_argument('--peers', type=Path)
    args = line.parse_args()
    warnings.simplefilter('ignore')
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work, before = prepared(args), peak_memory()
        import torch

        with torch.set_grad_enabled(args.train):
            for _ in range(PASSES):
                work()
    print(json.dumps({'before': before, 'mb': peak_memory(), 'ours': loads_this_package()}))


def prepared(args: argparse.Namespace) -> Callable[[], Any]:
    """Return the work as a function, its network built and its images made."""
    if args.who == OURS:
        import mmseg_aux_hrnet  # noqa: F401  # registers its classes
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS
    from noise import batch

    given = batch(args.count, size=tuple(args.size))
    init_default_scope('mmseg')
    segmentor = MODELS.build(Config.fromfile(args.config).model)
    if args.who == OURS:
        from mmseg_aux_hrnet.models import speed

        speed.apply(segmentor, training=args.train)
    elif args.who != STOCK:
        return _library(segmentor.eval(), given, args)
    return _step(segmentor, given) if args.train else lambda: segmentor.eval().test_step(given)


def _library(segmentor: Any, given: Any, args: argparse.Namespace) -> Callable[[], Any]:
    from libraries import TimmBranches, add_peers, smp_prediction

    add_peers(args.peers)
    if args.who == 'timm':
        segmentor.backbone = TimmBranches(args.network).eval()
        return lambda: segmentor.test_step(given)
    segmentor.backbone = segmentor.decode_head = None  # of which nothing is needed but how images are normalised
    predict = smp_prediction(segmentor, args.network)
    return lambda: predict(given)


def _step(segmentor: Any, given: Any) -> Callable[[], Any]:
    import torch
    from mmengine.optim import OptimWrapper

    optimizer = torch.optim.SGD(segmentor.train().parameters(), lr=0.01, momentum=0.9)
    return lambda: segmentor.train_step(given, OptimWrapper(optimizer))


if __name__ == '__main__':
    main()
