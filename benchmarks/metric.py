"""Times the metric: against mmseg's IoUMetric on one map, and as a share of whole test runs.

Usage: python benchmarks/metric.py [--rounds N] [--images N] [--toy]
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric
from PIL import Image
from results import OURS, STOCK, Result, command_line, compared, run_part
from turns import in_turns

import mmseg_aux_hrnet
from mmseg_aux_hrnet.evaluation import ConfusionMetric
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.run import config as run_config

PART = 'metric'
SIDE = 1024  # pixels of the map that is counted
TILE = 512  # pixels of the images of the test run
CONFIGS = ('hrnet/fcn_hr18s-v1_256x512_80k_singlegreen.py', 'hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py')
OUTLINED = {'type': 'ConfusionMetric', 'boundary_tolerance': 2}
EVALUATORS: dict[str, list[dict[str, Any]]] = {
    STOCK: [{'type': 'IoUMetric'}],
    OURS: [{'type': 'ConfusionMetric'}],
    f'{OURS}, all of --report': [OUTLINED, {'type': 'ThresholdMetric'}, {'type': 'TileKeeper'}],
}
DTYPES = {'int64': torch.int64, 'uint8': torch.uint8}  # int64 is what mmseg's loader and head hand over


def smooth_maps(num_classes: int, *, side: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a label with patches as in real ones, 5 % of it ignored, and a prediction that differs along the edges."""
    rng = np.random.default_rng(seed)
    fields = [cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), 12) for _ in range(num_classes)]
    noise = [cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), 4) / 12 for _ in range(num_classes)]
    label = np.argmax(fields, axis=0)
    prediction = np.argmax([field + part for field, part in zip(fields, noise, strict=True)], axis=0)
    label[: side // 20] = 255
    return prediction, label


def metric_of(kind: type, num_classes: int, **kwargs: Any) -> Any:
    """Return a metric that knows its classes."""
    metric = kind(**kwargs)
    metric.dataset_meta = {'classes': [f'class {index}' for index in range(num_classes)]}
    return metric


def count_rows(num_classes: int, dtype: str, *, side: int, rounds: int) -> Iterable[Result]:
    """Time both metrics on one map, after checking that they count the same."""
    maps = smooth_maps(num_classes, side=side, seed=0)
    prediction, label = (torch.from_numpy(values).to(DTYPES[dtype])[None] for values in maps)
    sample = {'img_path': 'a.png', 'pred_sem_seg': {'data': prediction}, 'gt_sem_seg': {'data': label}}
    metrics = {
        STOCK: metric_of(IoUMetric, num_classes),
        OURS: metric_of(ConfusionMetric, num_classes),
        f'{OURS}, with contours': metric_of(ConfusionMetric, num_classes, boundary_tolerance=2),
    }
    works = {who: partial(metric.process, {}, [sample]) for who, metric in metrics.items()}
    times = in_turns(works, rounds=rounds)
    counts = metrics[OURS].results[0].counts
    areas = (counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal(), counts.sum(0), counts.sum(1))
    for ourselves, they in zip(areas, metrics[STOCK].results[0], strict=True):
        assert ourselves.tolist() == they.long().tolist(), 'intersection, union, prediction or label areas differ'
    work = f'one map of {side}x{side}, {num_classes} classes, {dtype}'
    return compared(PART, work, times, unit='ms', equal='equal counts')


@contextmanager
def timed_evaluators(spent: list[float]) -> Iterator[None]:
    """Add up the CPU seconds that mmengine's evaluators take."""
    originals = {name: getattr(Evaluator, name) for name in ('process', 'evaluate')}

    def timed(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return original(*args, **kwargs)
            finally:
                spent.append(time.process_time() - start)

        return call

    for name, original in originals.items():
        setattr(Evaluator, name, timed(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(Evaluator, name, original)


def write_tiles(root: Path, count: int, *, side: int) -> None:
    """Write ``count`` tiles of noise with patchy labels, as a data set of green."""
    for folder in ('rawdata/test', 'labeldata/test', 'splits'):
        (root / folder).mkdir(parents=True)
    stems = [f'tile_{index}' for index in range(count)]
    for index, stem in enumerate(stems):
        label = smooth_maps(2, side=side, seed=index)[1]
        pixels = np.random.default_rng(index).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f'rawdata/test/{stem}.png')
        write_label_png(root / f'labeldata/test/{stem}.png', label, [[0, 0, 0], [128, 0, 0]])
    (root / 'splits/test.txt').write_text('\n'.join(stems) + '\n', encoding='utf-8')


def share(name: str, words: str, root: Path) -> float:
    """Test a config with random weights on the tiles; return the part of the CPU time that metrics take, percent."""
    config = run_config.load_config(mmseg_aux_hrnet.config(name))
    run_config.set_data_root(config, str(root))
    config.work_dir = str(root / 'work')
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    config.test_dataloader.dataset.pipeline = [step for step in config.test_pipeline if step.type != 'Resize']
    config.test_evaluator = [dict(evaluator) for evaluator in EVALUATORS[words]]
    config.log_level = 'ERROR'
    config.experiment_name = f'{Path(name).stem}_{time.time_ns()}'  # runs of one name share their log
    config.visualizer = None  # one of the run's name: that of the config is shared by all runs, and keeps its folder
    runner = Runner.from_cfg(config)
    spent: list[float] = []
    with timed_evaluators(spent):
        start = time.process_time()  # one thread and no loader processes, so what else runs does not count
        runner.test()
        total = time.process_time() - start
    return 100 * sum(spent) / total


def measure(args: argparse.Namespace) -> Iterable[Result]:
    """Yield the times of one map, then the shares of whole test runs."""
    warnings.simplefilter('ignore')  # about visualizers of one name
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    side, tile, images = (64, 64, 1) if args.toy else (SIDE, TILE, args.images)
    for classes in (2, 3, 19):
        for dtype in DTYPES:
            yield from count_rows(classes, dtype, side=side, rounds=args.rounds)
    with tempfile.TemporaryDirectory() as folder:
        write_tiles(Path(folder), images, side=tile)
        for name in CONFIGS[:1] if args.toy else CONFIGS:
            shares = {words: [share(name, words, Path(folder))] for words in EVALUATORS}
            work = f'share of a test run, {Path(name).stem}, {images} tiles of {tile}x{tile}'
            yield from compared(PART, work, shares, unit='% of the CPU time', equal='the same images')


def main() -> None:
    """Measure and print."""
    line = command_line(__doc__, rounds=15)
    line.add_argument('--images', type=int, default=12, help='tiles of a test run (default: %(default)s)')
    line.set_defaults(threads=1)
    run_part(measure, line.parse_args())


if __name__ == '__main__':
    main()
