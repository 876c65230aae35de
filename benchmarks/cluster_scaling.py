"""Times how maps scale over parts, torchrun and Ray, by a network that sleeps, and what a block costs beside it.

Usage: python benchmarks/cluster_scaling.py [--ways WAY...] [--workers N...] [--seconds S] [--side N]
"""

import argparse
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from raster_bookkeeping import blended, timed
from raster_stand_ins import Floats, FreeModel, machine, table, write_raster
from rich.console import Console

from mmseg_aux_hrnet.maps.predict.fleet import predict_on_ray
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.parts import predict_part
from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.sharing import Part
from mmseg_aux_hrnet.run import launch

WINDOW = 64  # pixels: small, so that a raster of many windows is no work beside the sleep
WINDOWS_ACROSS = 4
SETTINGS = MapSettings(batch_size=8)
PATIENCE = 600  # seconds that workers wait for each other
FORK = multiprocessing.get_context('fork')  # children have all imports at once


class SleepingModel(FreeModel):
    """Answers after a time, and begins when all workers are there.

    Args:
        folder: of what the workers leave for each other.
        workers: how many there will be; 0 for a model that only tells its facts.
        seconds: for each window.
    """

    def __init__(self, folder: Path, *, workers: int, seconds: float) -> None:
        super().__init__(2, window=WINDOW)
        self.folder, self.seconds = folder, seconds
        if workers:
            (folder / f'ready_{socket.gethostname()}_{os.getpid()}').touch()
            end = time.monotonic() + PATIENCE
            while len(list(folder.glob('ready_*'))) < workers and time.monotonic() < end:
                time.sleep(0.01)
            (folder / f'started_{os.getpid()}').touch()

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, 2, H, W), of RGB images, uint8 (N, H, W, 3)."""
        time.sleep(self.seconds * len(images))
        return super().predict(images)


class Quiet:
    """A listener that is told everything and says nothing."""

    def begins(self, count: int) -> None:
        """Take note of nothing."""

    def on_block(self, path: Path) -> None:
        """Take note of nothing."""

    def note(self, text: str) -> None:
        """Take note of nothing."""


def in_parts(make: Callable[[], FreeModel], rasters: list[Path], out: Path, number: int, workers: int) -> None:
    """Predict one part."""
    part, outs = Part(number + 1, workers), map_paths(rasters, out)
    predict_part(make(), rasters, outs, part=part, settings=SETTINGS, listener=Quiet())


def as_torchrun_does(make: Callable[[], FreeModel], rasters: list[Path], out: Path, number: int, workers: int) -> None:
    """Predict the share of one process."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE=str(workers), TORCHELASTIC_RUN_ID='bench')
    launch.join_predictors()
    predict_rasters(make(), rasters, map_paths(rasters, out), settings=SETTINGS, listener=Quiet())


def by_processes(
    share: Callable[..., None], rasters: list[Path], folder: Path, *, workers: int, seconds: float
) -> float:
    """Return the seconds from when all workers are ready until the last one is done."""
    with closing(socket.create_server(('127.0.0.1', 0))) as taken:
        os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(taken.getsockname()[1]))
    make = partial(SleepingModel, folder, workers=workers, seconds=seconds)
    processes = [
        FORK.Process(target=share, args=(make, rasters, folder / 'out', number, workers)) for number in range(workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise RuntimeError(f'a worker ended with {process.exitcode}')
    return time.time() - _start(folder)


def by_ray(address: str, rasters: list[Path], folder: Path, *, workers: int, most: int, seconds: float) -> float:
    """Return the same of workers of a cluster."""
    make = partial(SleepingModel, folder, workers=workers, seconds=seconds)
    outs = map_paths(rasters, folder / 'out')
    predict_on_ray(
        make, SleepingModel(folder, workers=0, seconds=0), rasters, outs,
        settings=SETTINGS, listener=Quiet(), address=address, cpus=most // workers,
    )  # fmt: skip
    return time.time() - _start(folder)


def _start(folder: Path) -> float:
    return max(path.stat().st_mtime for path in folder.glob('started_*'))


@contextmanager
def cluster(cpus: int) -> Iterator[str]:
    """Start a cluster of one machine, offline, and give its address."""
    here = os.pathsep.join(map(str, (Path(__file__).parents[1], Path(__file__).parent)))
    os.environ.update(RAY_USAGE_STATS_ENABLED='0', RAY_worker_niceness='0', PYTHONPATH=here)
    from ray.cluster_utils import Cluster

    started = Cluster(
        initialize_head=True,
        head_node_args={'num_cpus': cpus, 'object_store_memory': 80 * 2**20, 'include_dashboard': False},
    )
    try:
        yield started.address
    finally:
        started.shutdown()


def scaling(args: argparse.Namespace, folder: Path) -> list[list[str]]:
    """Return a row for each job and way: seconds and efficiency of each number of workers."""
    large, small = folder / 'large', folder / 'small'
    for place in (large, small):
        place.mkdir()
    writer = FORK.Process(
        target=_write, args=(large, small, args.rows, args.small)
    )  # GDAL's threads do not survive forks
    writer.start()
    writer.join()
    jobs = {f'1 raster, {args.rows} rows of windows': large, f'{args.small} rasters of one row': small}
    rows = []
    with cluster(max(args.workers)) if 'ray' in args.ways else _nothing() as address:
        ways: dict[str, Callable[..., float]] = {
            'parts': partial(by_processes, in_parts),
            'torchrun': partial(by_processes, as_torchrun_does),
            'ray': partial(by_ray, address, most=max(args.workers)),
        }
        for job, place in jobs.items():
            for way in args.ways:
                rows.append([job, way, *_times(ways[way], sorted(place.glob('*.tif')), folder, args)])
                print(*rows[-1], sep='; ', file=sys.stderr, flush=True)  # it takes minutes
    return rows


def _times(way: Callable[..., float], rasters: list[Path], folder: Path, args: argparse.Namespace) -> list[str]:
    found: list[float] = []
    for workers in args.workers:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            found.append(way(rasters, Path(scratch), workers=workers, seconds=args.seconds / WINDOWS_ACROSS))
            if len(list(Path(scratch, 'out').glob('*_classes.tif'))) != len(rasters):
                raise RuntimeError('maps are missing')
    return [
        f'{spent:.1f} s, {found[0] * args.workers[0] / spent / workers:.2f}'
        for spent, workers in zip(found, args.workers, strict=True)
    ]


def _write(large: Path, small: Path, rows: int, count: int) -> None:
    step = 32  # of windows of 64 that overlap by a third, on a grid of 32
    width = WINDOW + (WINDOWS_ACROSS - 1) * step
    write_raster(large / 'large.tif', height=WINDOW + (rows - 1) * step, width=width)
    for number in range(count):
        write_raster(small / f'{number:04d}.tif', height=WINDOW, width=width)


@contextmanager
def _nothing() -> Iterator[str]:
    yield ''


def beside_the_network(side: int, folder: Path) -> list[list[str]]:
    """Return a row for each thing that is done for a block: CPU ms and ms by the clock for each Mpixel."""
    path, settings, model = folder / 'raster.tif', MapSettings(overwrite=True), FreeModel(2, window=512)
    write_raster(path, height=side, width=side)
    raster_map = RasterMap(model, path, folder / 'a_classes.tif', settings)
    raster_map.begin()
    works: dict[str, Callable[[], Any]] = {
        'read, blend': partial(blended, path, model, settings),
        'read, blend, decide, journal': lambda: raster_map.predict(range(raster_map.blocks)),
        'checksum of the raster': raster_map.note_content,
        'write the map': raster_map.complete,
    }
    spent = {name: timed(work) for name, work in works.items()}
    total = [sum(each) for each in zip(*list(spent.values())[1:], strict=True)]
    return [
        [name, *(f'{1e9 * seconds / side**2:.1f}' for seconds in times)]
        for name, times in [*spent.items(), ('all of the last three', total)]
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--ways', nargs='+', default=['parts', 'torchrun', 'ray'], choices=('parts', 'torchrun', 'ray'))
    line.add_argument('--workers', type=int, nargs='+', default=[1, 2, 4, 8], help='counts (default: 1 2 4 8)')
    line.add_argument('--seconds', type=float, default=0.2, help='that the network takes for a row of windows')
    line.add_argument('--rows', type=int, default=160, help='of windows of the large raster (default: %(default)s)')
    line.add_argument('--small', type=int, default=500, help='count of small rasters (default: %(default)s)')
    line.add_argument('--side', type=int, default=4096, help='of the raster of the second table, in pixels')
    args = line.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    console = Console(width=140)
    console.print(f'{machine()}; {os.cpu_count()} cores')
    with tempfile.TemporaryDirectory() as scratch:
        rows = scaling(args, Path(scratch))
        headings = ['job', 'way', *(f'{workers} worker(s)' for workers in args.workers)]
        console.print(table('seconds, and efficiency: 1 is N times as fast as one', headings, rows))
        rows = beside_the_network(args.side, Path(scratch))
        console.print(
            table(f'beside the network, {args.side} x {args.side}', ['what', 'CPU ms/Mpixel', 'ms/Mpixel'], rows)
        )


if __name__ == '__main__':
    main()
