"""Times the input pipeline of urban green against mmseg's own: PNG or JPEG tiles of 1024 x 512 to crops of 512 x 256.

Usage: python benchmarks/input_pipeline.py [--tiles N] [--rounds N] [--side N]
"""

import argparse
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import PIL
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

import mmseg_aux_hrnet
from mmseg_aux_hrnet.datasets.cache.content import SETTLED_AFTER
from mmseg_aux_hrnet.datasets.label_rules import label_rule
from mmseg_aux_hrnet.demo.scenes import draw_scene
from mmseg_aux_hrnet.label_png import write_label_png

CONFIG = 'hrnet/fcn_hr18_256x512_80k_singlegreen.py'
PALETTE = [[0, 0, 0], [128, 0, 0]]
DRAWS = 4  # of every tile in a round
JPEG_QUALITY = 90
DISTORTIONS = ('PhotoMetricDistortion', 'TablePhotoMetricDistortion')
HEADINGS = ('what', 'mmseg', 'here', 'times faster')

Sample = dict[str, Any]
Work = Callable[[Sample], Sample]


class Row(NamedTuple):
    """What was compared, and the CPU milliseconds a sample of each round: mmseg's, ours."""

    what: str
    stock: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        """How many times faster ours is; the median of the rounds, each with its own ratio."""
        return statistics.median(theirs / mine for theirs, mine in zip(self.stock, self.ours, strict=True))


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


class Comparison(NamedTuple):
    """How often things are timed."""

    rounds: int
    draws: int = DRAWS

    def row(self, what: str, stock: Callable[[], Work], ours: Callable[[], Work], given: Sequence[Sample]) -> Row:
        """Time mmseg's work and ours in turns; each is made anew for each round, and the first round warms up."""
        times: list[list[float]] = [[], []]
        for _ in range(self.rounds + 1):
            for make, record in zip((stock, ours), times, strict=True):
                record.append(cpu_milliseconds(make(), given, draws=self.draws))
        return Row(what, times[0][1:], times[1][1:])


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


def measure(root: Path, *, tiles: int, rounds: int, side: int) -> list[Row]:
    """Compare every part; ``root`` is an empty folder for tiles and caches."""
    config = Config.fromfile(mmseg_aux_hrnet.config(CONFIG))
    plain, quick = config.stock_train_pipeline, [dict(step) for step in config.train_pipeline]
    quick[0]['type'], quick[1]['type'] = 'LoadTile', 'LoadLabel'  # as the data set does
    files = write_tiles(root, tiles, side=side)
    time.sleep(SETTLED_AFTER)  # so that a run reads them once only
    stock, ours = (partial(pipeline, steps[2:], side=side) for steps in (plain, quick))
    arrays = decoded(pipeline(quick[:2], side=side), samples(files, image=0))
    check_crops(stock(without=DISTORTIONS), ours(without=DISTORTIONS), arrays)
    rows = [Comparison(rounds).row('all but decoding', stock, ours, arrays)]
    for image, kind in enumerate(('PNG', 'JPEG')):
        rows += file_rows(kind, (plain, quick), samples(files, image=image), folder=root, rounds=rounds, side=side)
    return rows


def file_rows(
    kind: str, steps: tuple[Any, Any], given: Sequence[Sample], *, folder: Path, rounds: int, side: int
) -> list[Row]:
    """Compare what begins with files: decoding, and whole pipelines without a cache and with one."""
    stock, ours = (partial(pipeline, each, side=side) for each in steps)
    decode, read = (partial(pipeline, each[:2], side=side) for each in steps)
    cache = str(folder / f'{kind} warm')
    check_tiles(decode(), [read(), read(cache_dir=cache), read(cache_dir=cache)], given)
    folders = (str(folder / f'{kind} {number}') for number in range(rounds + 1))
    warm = ours(cache_dir=cache)
    often, once = Comparison(rounds), Comparison(rounds, draws=1)
    return [
        often.row(f'{kind}: decoding alone', decode, read, given),
        often.row(f'{kind}: all, no cache', stock, ours, given),
        once.row(f'{kind}: all, cache, first epoch of all', stock, lambda: ours(cache_dir=next(folders)), given),
        once.row(f'{kind}: all, cache, first epoch of a run', stock, partial(ours, cache_dir=cache), given),
        often.row(f'{kind}: all, cache, later epochs', stock, lambda: warm, given),
    ]


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument('--tiles', type=int, default=8, help='tiles (default: %(default)s)')
    line.add_argument('--rounds', type=int, default=9, help='repetitions of each (default: %(default)s)')
    line.add_argument('--side', type=int, default=512, help='height of the tiles in pixels (default: %(default)s)')
    args = line.parse_args()
    warnings.simplefilter('ignore')  # of mmcv, about operators that nothing here uses
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    init_default_scope('mmseg')
    console = Console(width=110)
    machine = f'{platform.machine()}, {platform.system()}, Python {platform.python_version()}'
    versions = f'OpenCV {cv2.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}, torch {torch.__version__}'
    console.print(f'{machine}, {versions}; one thread')
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), tiles=args.tiles, rounds=args.rounds, side=args.side)
    title = f'CPU milliseconds a sample: medians of {args.rounds} rounds, and their range'
    table = Table(*HEADINGS, title=title, title_justify='left', box=box.SIMPLE_HEAD)
    for row in rows:
        cells = (
            f'{statistics.median(times):.2f} ({min(times):.2f}-{max(times):.2f})' for times in (row.stock, row.ours)
        )
        table.add_row(row.what, *cells, f'{row.ratio:.1f}')
    console.print(table)


if __name__ == '__main__':
    main()
