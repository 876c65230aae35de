"""Times the metric: against mmseg's IoUMetric on one map, and as a share of whole test runs.

Usage: python benchmarks/metric.py [--rounds N] [--images N]
"""

import argparse
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
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
from rich import box
from rich.console import Console
from rich.table import Table

import mmseg_aux_hrnet
from mmseg_aux_hrnet import run_config
from mmseg_aux_hrnet.evaluation import ConfusionMetric
from mmseg_aux_hrnet.label_png import write_label_png

SIDE = 1024  # pixels of the map that is counted
TILE = 512  # pixels of the images of the test run
CONFIGS = ('hrnet/fcn_hr18s-v1_256x512_80k_singlegreen.py', 'hrnet/fcn_aux-hr18_256x512_80k_singlegreen.py')
OUTLINED = {'type': 'ConfusionMetric', 'boundary_tolerance': 2}
EVALUATORS: dict[str, list[dict[str, Any]]] = {
    'ConfusionMetric': [{'type': 'ConfusionMetric'}],
    'all of --report': [OUTLINED, {'type': 'ThresholdMetric'}, {'type': 'TileKeeper'}],
    'IoUMetric': [{'type': 'IoUMetric'}],
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


def shortest(works: Sequence[Callable[[], Any]], *, rounds: int) -> list[float]:
    """Return the shortest time of each, milliseconds; they take turns.

    The shortest, because a count takes less than the slice of time after which a busy machine turns to something else.
    """
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):  # the first one warms up
        for work, record in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            record.append(1000 * (time.perf_counter() - start))
    return [min(record[1:]) for record in times]


def metric_of(kind: type, num_classes: int, **kwargs: Any) -> Any:
    """Return a metric that knows its classes."""
    metric = kind(**kwargs)
    metric.dataset_meta = {'classes': [f'class {index}' for index in range(num_classes)]}
    return metric


def count_row(num_classes: int, dtype: str, *, rounds: int) -> list[str]:
    """Time both metrics on one map, check that they count the same, and return a row of the table."""
    maps = smooth_maps(num_classes, side=SIDE, seed=0)
    prediction, label = (torch.from_numpy(values).to(DTYPES[dtype])[None] for values in maps)
    sample = {'img_path': 'a.png', 'pred_sem_seg': {'data': prediction}, 'gt_sem_seg': {'data': label}}
    ours, theirs = metric_of(ConfusionMetric, num_classes), metric_of(IoUMetric, num_classes)
    outlined = metric_of(ConfusionMetric, num_classes, boundary_tolerance=2)
    works = [partial(metric.process, {}, [sample]) for metric in (ours, theirs, outlined)]
    mine, other, contours = shortest(works, rounds=rounds)
    counts = ours.results[0].counts
    areas = (counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal(), counts.sum(0), counts.sum(1))
    for name, ourselves, they in zip(
        ('intersection', 'union', 'prediction', 'label'), areas, theirs.results[0], strict=True
    ):
        assert ourselves.tolist() == they.long().tolist(), f'{name} areas differ'
    return [str(num_classes), dtype, f'{mine:.2f}', f'{other:.2f}', f'{other / mine:.0f}', f'{contours:.2f}']


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


def write_tiles(root: Path, count: int) -> None:
    """Write ``count`` tiles of noise with patchy labels, as a data set of green."""
    for folder in ('rawdata/test', 'labeldata/test', 'splits'):
        (root / folder).mkdir(parents=True)
    stems = [f'tile_{index}' for index in range(count)]
    for index, stem in enumerate(stems):
        label = smooth_maps(2, side=TILE, seed=index)[1]
        pixels = np.random.default_rng(index).integers(0, 256, (TILE, TILE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f'rawdata/test/{stem}.png')
        write_label_png(root / f'labeldata/test/{stem}.png', label, [[0, 0, 0], [128, 0, 0]])
    (root / 'splits/test.txt').write_text('\n'.join(stems) + '\n', encoding='utf-8')


def run_row(name: str, words: str, root: Path) -> list[str]:
    """Test a config with random weights on the tiles and return a row of the table."""
    config = run_config.load_config(mmseg_aux_hrnet.config(name))
    run_config.set_data_root(config, str(root))
    config.work_dir = str(root / 'work')
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    config.test_dataloader.dataset.pipeline = [step for step in config.test_pipeline if step.type != 'Resize']
    config.test_evaluator = [dict(evaluator) for evaluator in EVALUATORS[words]]
    config.log_level = 'ERROR'
    config.experiment_name = f'{Path(name).stem}_{time.time_ns()}'  # runs of one name share their log
    runner = Runner.from_cfg(config)
    spent: list[float] = []
    with timed_evaluators(spent):
        start = time.process_time()  # one thread and no loader processes, so what else runs does not count
        runner.test()
        total = time.process_time() - start
    return [Path(name).stem, words, f'{total:.2f}', f'{sum(spent):.3f}', f'{100 * sum(spent) / total:.2f}']


def table(title: str, headings: list[str], rows: list[list[str]]) -> Table:
    """Return rows of text as a table."""
    out = Table(*headings, title=title, title_justify='left', box=box.SIMPLE_HEAD)
    for row in rows:
        out.add_row(*row)
    return out


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--rounds', type=int, default=15, help='repetitions of a count (default: %(default)s)')
    line.add_argument('--images', type=int, default=12, help='tiles of a test run (default: %(default)s)')
    args = line.parse_args()
    warnings.simplefilter('ignore')  # about visualizers of one name
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    console = Console(width=110)
    machine = f'{platform.machine()}, {platform.system()}, Python {platform.python_version()}'
    console.print(f'{machine}, torch {torch.__version__}, numpy {np.__version__}, OpenCV {cv2.__version__}; one thread')
    headings = ['classes', 'maps', 'ConfusionMetric ms', 'IoUMetric ms', 'ratio', 'with contours ms']
    rows = [count_row(classes, dtype, rounds=args.rounds) for classes in (2, 3, 19) for dtype in DTYPES]
    console.print(table(f'one map of {SIDE} x {SIDE}, shortest of {args.rounds}, equal counts', headings, rows))
    with tempfile.TemporaryDirectory() as folder:
        write_tiles(Path(folder), args.images)
        rows = [run_row(name, words, Path(folder)) for name in CONFIGS for words in EVALUATORS]
    headings = ['config, random weights', 'metrics', 'test run CPU s', 'in metrics CPU s', 'share %']
    console.print(table(f'whole test runs, {args.images} tiles of {TILE} x {TILE}', headings, rows))


if __name__ == '__main__':
    main()
