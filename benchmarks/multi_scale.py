"""Times the prediction of an image at several scales, mirrored too, against mmseg's: averaged probabilities.

Usage: python benchmarks/multi_scale.py [--networks NAME...] [--rounds N] [--toy]
"""

import argparse
import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from contenders import CONFIGS, SMALLEST, leaf, segmentors, without_gradients
from mmseg.models.segmentors import SegTTAModel
from mmseg.structures import SegDataSample
from results import OURS, STOCK, Result, command_line, compared, run_part
from turns import clock_for, in_turns

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


def rows(network: str, args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of a network."""
    clock = clock_for(args.threads)
    stock, ours = segmentors(leaf(network).model)
    models = {STOCK: SegTTAModel(module=stock), OURS: ProbabilityTTAModel(module=ours)}
    scales, side = (TOY_SCALES, TOY_SIDE) if args.toy else (SCALES, SIDE)
    given = augmented(side, scales)
    works = {who: partial(without_gradients(model.test_step), given) for who, model in models.items()}
    classes = {who: work()[0].pred_sem_seg.data for who, work in works.items()}
    assert 0 < classes[STOCK].float().mean() < 1, 'there is one class only, so nothing is compared'
    apart, pixels = int((classes[STOCK] != classes[OURS]).sum()), classes[STOCK].numel()
    assert apart <= OTHER_CLASSES * pixels, f'the classes of {apart} of {pixels} pixels differ'
    times = in_turns(works, rounds=args.rounds, clock=clock)
    work = f'{network}, {side}x{side}, {len(scales)} scales, with and without flip'
    equal = f'same weights, {apart} of {pixels} pixels of another class'
    yield from compared(PART, work, times, unit=clock.unit, equal=equal)


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the rows of all networks."""
    warnings.filterwarnings('ignore', message='The shape of value will convert')  # of mmseg's SegTTAModel
    torch.set_num_threads(args.threads)
    for network in [SMALLEST] if args.toy else args.networks:
        yield from rows(network, args)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=3)
    line.add_argument('--networks', nargs='+', choices=CONFIGS, default=[SMALLEST, 'W18'], help='default: %(default)s')
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
