"""Measures how much longer the map of a PNG, a JPEG or a TIFF of one strip takes than that of a tiled TIFF.

Usage: python benchmarks/raster_containers.py [--size N] [--rounds N]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from raster_stand_ins import FreeModel, machine, table, write_raster
from rich.console import Console

from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


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


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Return the median of the seconds of the map of each, by file name."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_raster(folder / 'plain.tif', height=args.size, width=args.size)
        model = FreeModel(2, window=512)
        for name, options in containers(args.size).items():
            rasterio.shutil.copy(folder / 'plain.tif', folder / name, **options)
            seconds = []
            for _ in range(args.rounds):
                start = time.perf_counter()
                predict_raster(model, folder / name, folder / 'map.tif', MapSettings(overwrite=True))
                seconds.append(time.perf_counter() - start)
            found[name] = statistics.median(seconds)
            (folder / name).unlink()
    return found


def main() -> None:
    """Measure and print a table."""
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument('--size', type=int, default=6000, help='pixels of a side of the raster (default: %(default)s)')
    line.add_argument('--rounds', type=int, default=3, help='of which the median counts (default: %(default)s)')
    found = measure(line.parse_args())
    tiled = found['tiled.tif']
    rows = [[name, f'{seconds:.1f}', f'{seconds / tiled:.2f}'] for name, seconds in found.items()]
    Console().print(machine(), table('Containers', ['raster', 'seconds', 'times the tiled one'], rows))


if __name__ == '__main__':
    main()
