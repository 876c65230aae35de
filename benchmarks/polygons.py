"""Measures the most memory that polygons take: of a map, and of one ten times as tall. Needs Linux or macOS.

Usage: python benchmarks/polygons.py [--width N] [--heights N...]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UNIT = 1 if sys.platform == 'darwin' else 1024  # bytes in which ru_maxrss counts
STEP = 512  # rows that are made at once
OPTIONS: dict[str, dict[str, Any]] = {
    'as they are': {},
    'filled, simplified': {'min_area': 10.0, 'fill_holes': 10.0, 'simplify': 1.0},
}


def make(path: Path, *, height: int, width: int, noise: float = 0.0) -> None:
    """Write a map of smooth patches with ragged borders, pixels of half a metre; a share ``noise`` of them flipped."""
    import cv2
    import numpy as np
    import rasterio
    from rasterio.windows import Window

    rng = np.random.default_rng(0)

    def smooth(side: int) -> Any:
        small = rng.standard_normal((STEP // side + 2, width // side + 2)).astype(np.float32)
        return cv2.resize(small, (width, STEP), interpolation=cv2.INTER_CUBIC)

    place = rasterio.transform.from_origin(500_000, 5_800_000, 0.5, 0.5)
    form = {'driver': 'GTiff', 'count': 1, 'dtype': 'uint8', 'nodata': 255, 'compress': 'deflate', 'tiled': True}
    with rasterio.open(path, 'w', height=height, width=width, crs='EPSG:32633', transform=place, **form) as raster:
        raster.update_tags(CLASS_NAMES=json.dumps(['background', 'green']))
        for row in range(0, height, STEP):
            rows = min(STEP, height - row)
            values = (smooth(16) + smooth(4) / 2 > 0.3).astype(np.uint8)[:rows]
            if noise:
                values ^= rng.random(values.shape, np.float32) < noise
            raster.write(values, 1, window=Window(0, row, width, rows))


def measure(path: Path, options: dict[str, Any]) -> dict[str, float]:
    """Make polygons, in a process of its own, and return what they took."""
    from mmseg_aux_hrnet.maps.polygonize.polygonizing import polygonize
    from mmseg_aux_hrnet.maps.polygonize.request import PolygonRequest

    start = time.perf_counter()
    summary = polygonize(path, path.with_suffix('.gpkg'), request=PolygonRequest(**options), overwrite=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6
    return {'polygons': summary.polygons['green'], 'peak': peak, 'seconds': time.perf_counter() - start}


def child(*arguments: object) -> str:
    """Run this file once more and return what it prints; this process stays small, a child's peak begins with it."""
    line = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, encoding='utf-8').stdout


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--width', type=int, default=512, help='of the maps in pixels (default: %(default)s)')
    line.add_argument('--heights', type=int, nargs='+', default=[20000, 200000], help='(default: 20000 200000)')
    line.add_argument('--make', type=Path, help=argparse.SUPPRESS)
    line.add_argument('--measure', type=Path, help=argparse.SUPPRESS)
    line.add_argument('--options', help=argparse.SUPPRESS)
    args = line.parse_args()
    if args.make:
        make(args.make, height=args.heights[0], width=args.width)
    elif args.measure:
        print(json.dumps(measure(args.measure, OPTIONS[args.options])))
    else:
        with tempfile.TemporaryDirectory() as folder:
            show(args, Path(folder) / 'map.tif')


def show(args: argparse.Namespace, path: Path) -> None:
    """Print a row for each map and way."""
    first: dict[str, float] = {}
    print(f'{"map":>14}  {"polygons":20}{"number":>9}{"peak, MB":>10}{"ratio":>7}{"s":>6}')
    for height in args.heights:
        child('--make', path, '--heights', height, '--width', args.width)
        for way in OPTIONS:
            took = json.loads(child('--measure', path, '--options', way))
            ratio = took['peak'] / first.setdefault(way, took['peak'])
            numbers = f'{took["polygons"]:9}{took["peak"]:10.0f}{ratio:7.2f}{took["seconds"]:6.0f}'
            print(f'{height:>7} x {args.width:<4}  {way:20}{numbers}', flush=True)


if __name__ == '__main__':
    main()
