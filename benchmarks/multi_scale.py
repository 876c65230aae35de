"""Times the prediction of an image at several scales, mirrored too, against mmseg's: averaged probabilities.

Usage: python benchmarks/multi_scale.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from contenders import CONFIGS, SMALLEST, check_apart, leaf, our_segmentor, stock_segmentor, without_gradients
from mmseg.models.segmentors import SegTTAModel
from mmseg.structures import SegDataSample
from numpy.typing import NDArray
from results import OURS, STOCK, Result, command_line, compared, run_part, under_way
from turns import clock_for
from workers import started, workers_in_turns

from mmseg_aux_hrnet.models import ProbabilityTTAModel

PART = 'multi-scale + flip test'
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
SIDE = 512  # pixels; all scales of it are multiples of 32
TOY_SCALES, TOY_SIDE = (0.5, 1.0), 128
OTHER_CLASSES = 1e-4  # share of the pixels where rounding may decide otherwise


def augmented(side: int, scales: Iterable[float]) -> dict[str, Any]:
    """Return an image of noise at all scales, as it is and mirrored, as mmcv's ``TestTimeAug`` hands it over."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (1, 3, side, side), dtype=torch.uint8, generator=generator).float()
    inputs, samples = [], []
    for scale in scales:
        size = (int(side * scale), int(side * scale))
        scaled = torch.nn.functional.interpolate(image, size, mode='bilinear')[0].to(torch.uint8)
        for flip in (False, True):
            inputs.append([scaled.flip(2) if flip else scaled])
            shape = {'img_path': '', 'img_shape': size, 'ori_shape': (side, side), 'pad_shape': size}
            direction = {'flip': flip, 'flip_direction': 'horizontal' if flip else None}
            samples.append([SegDataSample(metainfo={**shape, **direction})])
    return {'inputs': inputs, 'data_samples': samples}


class Averager:
    """Averages predictions, by mmseg's class and network or ours of the same weights."""

    def __init__(self, who: str, *, network: str) -> None:
        model = leaf(network).model
        if who == STOCK:
            self._model = SegTTAModel(module=stock_segmentor(model))
        else:
            from at_speed import at_speed

            self._model = ProbabilityTTAModel(module=at_speed(our_segmentor(model)))
        self._predict = without_gradients(self._model.test_step)

    def prepare(self, side: int, scales: Iterable[float]) -> NDArray[np.int64]:
        """Make the images and return the classes, (1, H, W)."""
        self._given = augmented(side, scales)
        classes: NDArray[np.int64] = self._predict(self._given)[0].pred_sem_seg.data.numpy()
        return classes

    def run(self) -> None:
        """Predict once."""
        self._predict(self._given)


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    clock = clock_for(args.threads)
    scales, side = (TOY_SCALES, TOY_SIDE) if args.toy else (SCALES, SIDE)
    work = f'{network}, {side}x{side}, {len(scales)} scales, with and without flip'
    builders = {who: partial(Averager, who, network=network) for who in (STOCK, OURS)}
    with started(builders, threads=args.threads) as workers, under_way(f'{PART}: {work}'):
        check_apart(workers, ours=[OURS])
        equal = check_equal({who: worker.prepare(side, scales) for who, worker in workers.items()})
        times = workers_in_turns(workers, rounds=args.rounds, clock=clock)
    yield from compared(PART, work, times, unit=clock.unit, equal=equal)


def check_equal(classes: Mapping[str, NDArray[np.int64]]) -> str:
    """Raise unless both predict the same classes; say at how many pixels they do not."""
    assert 0 < classes[STOCK].mean() < 1, 'there is one class only, so nothing is compared'
    apart, pixels = int((classes[STOCK] != classes[OURS]).sum()), classes[STOCK].size
    assert apart <= OTHER_CLASSES * pixels, f'the classes of {apart} of {pixels} pixels differ'
    return f'same weights, {apart} of {pixels} pixels of another class'


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    for network in [SMALLEST] if args.toy else args.networks:
        yield from rows(network, args)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=3)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
