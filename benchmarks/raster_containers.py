"""Measures how much longer the map of a PNG, a JPEG or a TIFF of one strip takes than that of a tiled TIFF.

Usage: python benchmarks/raster_containers.py [--size N] [--width N] [--only FILE...] [--rounds N]

The raster is the aerial image of docs/, again and again: noise would not compress, and be read unlike any image.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from raster_stand_ins import FreeModel, machine, table, write_raster
from rich.console import Console

from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

IMAGE = Path(__file__).resolve().parents[1] / 'docs/santa_monica.tif'  # 256 x 512


def containers(size: int) -> dict[str, dict[str, Any]]:
    """Return by file name how GDAL makes each."""
    strip = {'driver': 'GTiff', 'compress': 'DEFLATE', 'zlevel': 1, 'tiled': False, 'blockysize': size}
    return {
        'tiled.tif': {'driver': 'GTiff', 'compress': 'DEFLATE', 'zlevel': 1, 'tiled': True},
        'one_strip.tif': {**strip, 'interleave': 'pixel'},
        'a_strip_for_each_band.tif': {**strip, 'interleave': 'band'},
        'ortho.png': {'driver': 'PNG', 'zlevel': 1},
        'ortho.jpg': {'driver': 'JPEG'},
    }


def measure(args: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Return the medians of the seconds, by the clock and of processors, of the map of each, by file name."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with rasterio.open(IMAGE) as image:
            half = image.read()
        tile = np.concatenate([half, half[:, ::-1]], axis=1)
        write_raster(folder / 'plain.tif', height=args.size, width=args.width or args.size, tile=tile)
        model = FreeModel(2, window=512)
        made = {name: options for name, options in containers(args.size).items() if name in (args.only or [name])}
        for name, options in made.items():
            rasterio.shutil.copy(folder / 'plain.tif', folder / name, **options)
            seconds, busy = [], []
            for _ in range(args.rounds):
                start = time.perf_counter(), time.process_time()
                predict_raster(model, folder / name, folder / 'map.tif', MapSettings(overwrite=True))
                seconds.append(time.perf_counter() - start[0])
                busy.append(time.process_time() - start[1])
            found[name] = statistics.median(seconds), statistics.median(busy)
            (folder / name).unlink()
    return found


def main() -> None:
    """Measure and print a table."""
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument('--size', type=int, default=6000, help='rows of the raster (default: %(default)s)')
    line.add_argument('--width', type=int, help='columns (default: as many)')
    line.add_argument('--only', nargs='+', metavar='FILE', help='of these, such as tiled.tif ortho.png')
    line.add_argument('--rounds', type=int, default=3, help='of which the median counts (default: %(default)s)')
    found = measure(line.parse_args())
    tiled = next(iter(found.values()))
    rows = [
        [name, *(text for one, first in zip(took, tiled, strict=True) for text in (f'{one:.1f}', f'{one / first:.2f}'))]
        for name, took in found.items()
    ]
    columns = ['raster', 'seconds', 'times the first', 'processor seconds', 'times the first']
    Console().print(machine(), table('Containers', columns, rows))


if __name__ == '__main__':
    main()
