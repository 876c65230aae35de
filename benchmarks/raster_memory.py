"""Measures the most memory that a map takes: on a raster, and on others as wide and taller. Needs Linux or macOS.

Usage: python benchmarks/raster_memory.py [--width N] [--heights N...] [--network]
       python benchmarks/raster_memory.py --mosaics 1x8 2x4 8x1 --width 2500 --heights 2500

With --mosaics, of so many rows and columns of rasters of that size side by side, which are predicted as one ground.
"""

import argparse
import itertools
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UNIT = 1 if sys.platform == 'darwin' else 1024  # bytes in which ru_maxrss counts


def peak() -> float:
    """Return the most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Make one map, in a process of its own, and return what it took."""
    import cv2
    import torch
    from raster_stand_ins import CountingModel, FreeModel, machine, untrained_predictor

    from mmseg_aux_hrnet.maps.predict.mosaic import find_mosaics
    from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
    from mmseg_aux_hrnet.maps.predict.settings import MapSettings

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    raster = Path(args.measure)
    model = CountingModel(untrained_predictor(raster.parent) if args.network else FreeModel(2, window=args.window))
    before, start = peak(), time.perf_counter()
    settings = MapSettings(window=args.window, probabilities='uint8', overwrite=True)
    if raster.is_dir():
        outs = {path: path.with_name(f'{path.stem}_classes.tif') for path in sorted(raster.glob('*.tif'))}
        [mosaic], _ = find_mosaics(model.facts, outs, settings=settings, on_top='order', note=print)
        whole = RasterMap(model, mosaic, outs[min(outs)], settings)
        whole.begin()
        whole.predict(whole.missing())
        whole.complete()
    else:
        predict_raster(model, raster, raster.with_name('map_classes.tif'), settings)
    return {
        'start': before, 'peak': peak(), 'seconds': time.perf_counter() - start, 'windows': model.windows,
        'machine': machine(),
    }  # fmt: skip


def make(args: argparse.Namespace) -> None:
    """Write one raster, in a process of its own: this one has to stay small, because a child's peak begins with it."""
    import rasterio
    from affine import Affine
    from raster_stand_ins import write_raster

    place, height = Path(args.make), args.heights[0]
    if args.mosaics is None:
        write_raster(place, height=height, width=args.width, filled=args.filled)
        return
    place.mkdir()
    rows, columns = map(int, args.mosaics[0].split('x'))
    for number in range(rows * columns):
        file = place / f'{number}.tif'
        write_raster(file, height=height, width=args.width, filled=args.filled)
        with rasterio.open(file, 'r+') as written:
            written.transform @= Affine.translation(number % columns * args.width, number // columns * height)


def child(args: argparse.Namespace, *more: str) -> str:
    """Run this file once more and return what it prints."""
    same = [f'--width={args.width}', f'--window={args.window}', f'--filled={args.filled}']
    network = ['--network'] if args.network else []
    line = [sys.executable, __file__, *same, *network, *more]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, encoding='utf-8').stdout


def rows_of(args: argparse.Namespace, folder: Path) -> tuple[list[list[str]], str]:
    """Return the rows of the table and the machine."""
    rows, first, machine = [], None, ''
    for height, mosaic in itertools.product(args.heights, args.mosaics or [None]):
        raster = folder / f'raster_{height}{f"_{mosaic}" if mosaic else ".tif"}'
        child(args, f'--make={raster}', f'--heights={height}', *([f'--mosaics={mosaic}'] if mosaic else []))
        took = json.loads(child(args, f'--measure={raster}').splitlines()[-1])
        if mosaic:
            shutil.rmtree(raster)
        else:
            raster.unlink()
        first, machine = first or took, took['machine']
        parts = [f'{took["peak"]:.0f}', f'{took["peak"] / first["peak"]:.2f}']
        own = took['peak'] - took['start'], first['peak'] - first['start']
        parts += [f'{own[0]:.0f}', f'{own[0] / own[1]:.2f}', f'{took["seconds"]:.0f}']
        rows.append([f'{f"{mosaic} of " if mosaic else ""}{height} x {args.width}', str(took['windows']), *parts])
    return rows, machine


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--width', type=int, default=20000, help='of the rasters in pixels (default: %(default)s)')
    line.add_argument('--heights', type=int, nargs='+', default=[2000, 20000], help='(default: 2000 20000)')
    line.add_argument('--mosaics', nargs='+', metavar='ROWSxCOLUMNS', help='of rasters of that size')
    line.add_argument('--window', type=int, default=512, help='side of the windows (default: %(default)s)')
    line.add_argument('--filled', type=int, default=3, help='one tile in so many holds values (default: %(default)s)')
    line.add_argument('--network', action='store_true', help='W18-Small-v1 instead of a network that costs nothing')
    line.add_argument('--make', help=argparse.SUPPRESS)
    line.add_argument('--measure', help=argparse.SUPPRESS)
    args = line.parse_args()
    if args.make:
        make(args)
    elif args.measure:
        print(json.dumps(measure(args)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            rows, machine = rows_of(args, Path(folder))
        show(args, rows, machine)


def show(args: argparse.Namespace, rows: list[list[str]], machine: str) -> None:
    """Print the table."""
    from raster_stand_ins import table
    from rich.console import Console

    console = Console(width=110)
    console.print(f'{machine}; {"W18-Small-v1" if args.network else "a network that costs nothing"}')
    title = f'class map and probabilities, windows of {args.window}, one tile in {args.filled} with values, MB'
    headings = ['raster', 'windows', 'peak', 'ratio', 'above the start', 'ratio', 's']
    console.print(table(title, headings, rows))


if __name__ == '__main__':
    main()
