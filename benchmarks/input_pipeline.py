"""Times the input pipeline of urban green against mmseg's own: PNG or JPEG tiles of 1024 x 512 to crops of 512 x 256.

Usage: python benchmarks/input_pipeline.py [--tiles N] [--rounds N] [--toy]

The time is that of the processor, for a loader process is one of several and shares the machine; waiting for the disk
is not in it. Crops are drawn alike for both, and compared before they are timed.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image
from results import OURS, STOCK, Result, command_line, compared, run_part

import mmseg_aux_hrnet
from mmseg_aux_hrnet.datasets.cache.tile_cache import SETTLED_AFTER
from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.demo.scenes import draw_scene
from mmseg_aux_hrnet.files.label_png import write_label_png

PART = 'input pipeline'
CONFIG = 'hrnet/fcn_hr18_256x512_80k_singlegreen.py'
PALETTE = [[0, 0, 0], [128, 0, 0]]
DRAWS = 4  # of every tile in a round
SIDE, TOY_SIDE = 512, 64  # height of the tiles in pixels; they are twice as wide
JPEG_QUALITY = 90
EQUAL = 'same crops: labels equal, images to 1 of 255'
DISTORTIONS = ('PhotoMetricDistortion', 'TablePhotoMetricDistortion')

Sample = dict[str, Any]
Work = Callable[[Sample], Sample]


def write_tiles(root: Path, count: int, *, side: int) -> list[tuple[str, str, str]]:
    """Draw ``count`` scenes of ``side`` x twice ``side`` pixels; return paths of PNG, JPEG and label."""
    paths = []
    for seed in range(count):
        scene = draw_scene(seed, height_width=(side, 2 * side))
        png, jpeg, label = (str(root / f'{seed}{end}') for end in ('.png', '.jpg', '_label.png'))
        Image.fromarray(scene.image).save(png)
        Image.fromarray(scene.image).save(jpeg, quality=JPEG_QUALITY)
        write_label_png(label, scene.label, PALETTE)
        paths.append((png, jpeg, label))
    return paths


def samples(tiles: Sequence[tuple[str, str, str]], *, image: int) -> list[Sample]:
    """Return what a data set hands to its pipeline; ``image`` 0 names the PNG files, 1 the JPEG files."""
    rule = label_rule('palette', PALETTE)
    more = {'label_map': None, 'reduce_zero_label': False, 'label_rule': rule}
    return [{'img_path': tile[image], 'seg_map_path': tile[2], **more} for tile in tiles]


def pipeline(steps: Sequence[Any], *, side: int, without: Sequence[str] = (), **loader: Any) -> Work:
    """Return transforms of a config as one function, for tiles of ``side`` x twice ``side`` pixels.

    Args:
        steps: the transforms.
        side: height of the tiles in pixels; crops are half as high and wide.
        without: types that are left out.
        **loader: settings of LoadTile and LoadLabel.
    """
    changes = {'scale': (2 * side, side), 'crop_size': (side // 2, side)}
    built = []
    for step in steps:
        if step['type'] not in without:
            step = {**step, **{key: value for key, value in changes.items() if key in step}}
            built.append(TRANSFORMS.build({**step, **loader} if step['type'] in ('LoadTile', 'LoadLabel') else step))

    def run(sample: Sample) -> Sample:
        for transform in built:
            sample = transform(sample)
        return sample

    return run


def decoded(load: Work, given: Sequence[Sample]) -> list[Sample]:
    """Return the samples with images and labels."""
    return [load({**sample, 'seg_fields': []}) for sample in given]


def cpu_milliseconds(work: Work, given: Sequence[Sample], *, draws: int) -> float:
    """Return the CPU time a sample, over ``draws`` crops of each; the same crops for every work."""
    spent = 0.0
    for draw in range(draws):
        for index, sample in enumerate(given):
            fresh = {**sample, 'seg_fields': list(sample.get('seg_fields', []))}
            np.random.seed(1000 * draw + index)
            start = time.process_time()
            work(fresh)
            spent += time.process_time() - start
    return 1000 * spent / (draws * len(given))


def row(
    work: str, makers: Sequence[Callable[[], Work]], given: Sequence[Sample], *, rounds: int, draws: int = DRAWS
) -> list[Result]:
    """Time mmseg's work and ours in turns; each is made anew for each round, and the first round warms up."""
    times: dict[str, list[float]] = {STOCK: [], OURS: []}
    for _ in range(rounds + 1):
        for who, make in zip(times, makers, strict=True):
            times[who].append(cpu_milliseconds(make(), given, draws=draws))
    values = {who: record[1:] for who, record in times.items()}
    return compared(PART, work, values, unit='CPU ms a sample', equal=EQUAL)


def check_crops(stock: Work, ours: Work, given: Sequence[Sample]) -> None:
    """Raise unless both give the same crops at the same draws: labels equal, images to one of 255 levels."""
    for seed, sample in enumerate(given):
        results = []
        for work in (stock, ours):
            np.random.seed(seed)
            results.append(work({**sample, 'seg_fields': list(sample['seg_fields'])}))
        images = [result['inputs'].int() for result in results]
        labels = [result['data_samples'].gt_sem_seg.data for result in results]
        assert torch.equal(*labels), f'labels of {sample["img_path"]} differ'
        assert (images[0] - images[1]).abs().max() <= 1, f'images of {sample["img_path"]} differ'


def check_tiles(stock: Work, ours: Sequence[Work], given: Sequence[Sample]) -> None:
    """Raise unless all decode the same pixels and classes."""
    for want, *got in zip(*(decoded(work, given) for work in (stock, *ours)), strict=True):
        for key in ('img', 'gt_seg_map'):
            assert all(np.array_equal(each[key], want[key]) for each in got), f'{key} of {want["img_path"]} differs'


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the times of transforms alone, then those of what begins with files."""
    warnings.simplefilter('ignore')  # of mmcv, about operators that nothing here uses
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    init_default_scope('mmseg')
    side, tiles = (TOY_SIDE, 2) if args.toy else (SIDE, args.tiles)
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG))
    steps = config.stock_train_pipeline, [dict(step) for step in config.train_pipeline]
    steps[1][0]['type'], steps[1][1]['type'] = 'LoadTile', 'LoadLabel'  # as the data set does
    with tempfile.TemporaryDirectory() as folder:
        files = write_tiles(Path(folder), tiles, side=side)
        time.sleep(SETTLED_AFTER)  # so that a run reads them once only
        stock, ours = (partial(pipeline, each[2:], side=side) for each in steps)
        arrays = decoded(pipeline(steps[1][:2], side=side), samples(files, image=0))
        check_crops(stock(without=DISTORTIONS), ours(without=DISTORTIONS), arrays)
        yield from row('all but decoding', (stock, ours), arrays, rounds=args.rounds)
        for image, kind in enumerate(('PNG', 'JPEG')):
            given = samples(files, image=image)
            yield from measure_files(kind, steps, given, cache=Path(folder, kind), rounds=args.rounds, side=side)


def measure_files(
    kind: str, steps: Sequence[Any], given: Sequence[Sample], *, cache: Path, rounds: int, side: int
) -> Iterable[Result]:
    """Yield the times of decoding, and of whole pipelines without a cache and with one in new folders at ``cache``."""
    stock, ours = (partial(pipeline, each, side=side) for each in steps)
    decode, read = (partial(pipeline, each[:2], side=side) for each in steps)
    warm = f'{cache} warm'
    check_tiles(decode(), [read(), read(cache_dir=warm), read(cache_dir=warm)], given)
    empty = (f'{cache} {number}' for number in range(rounds + 1))
    run = ours(cache_dir=warm)
    yield from row(f'{kind}, decoding alone', (decode, read), given, rounds=rounds)
    yield from row(f'{kind}, all, no cache', (stock, ours), given, rounds=rounds)
    for words, make in (
        ('an empty cache', lambda: ours(cache_dir=next(empty))),
        ('a full cache, first epoch of a run', lambda: ours(cache_dir=warm)),
    ):
        yield from row(f'{kind}, all, {words}', (stock, make), given, rounds=rounds, draws=1)
    yield from row(f'{kind}, all, a full cache, later epochs', (stock, lambda: run), given, rounds=rounds)


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=9)
    line.add_argument('--tiles', type=int, default=8, help='tiles (default: %(default)s)')
    line.set_defaults(threads=1)
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
