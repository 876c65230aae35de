"""Measures the most memory that polygons of a noisy map take: strip by strip, and of the whole map at once.

The whole map at once needs no code of our own: ``rasterio.features.shapes`` and ``shapely.coverage_simplify`` do it.

Usage: python benchmarks/polygon_memory.py [--sides N...] [--noise SHARE] [--limit GB]. Needs Linux or macOS.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import Any

from polygons import UNIT, make

SIMPLIFY = 1.0  # metres: two pixels
WAYS = {
    'strips': ('strips', 0.0),
    'whole map': ('whole', 0.0),
    'strips, simplified': ('strips', SIMPLIFY),
    'whole map, simplified': ('whole', SIMPLIFY),
}


def by_strips(path: Path, out: Path, *, simplify: float) -> int:
    """Write the polygons of a map as the package does and return their number."""
    from mmseg_aux_hrnet.maps import PolygonRequest, polygonize

    return polygonize(path, out, request=PolygonRequest(simplify=simplify)).polygons['green']


def whole(path: Path, out: Path, *, simplify: float) -> int:
    """Write the polygons of a map that is held as a whole and return their number."""
    from array import array

    import numpy as np
    import pyogrio
    import rasterio
    import shapely
    from rasterio.features import shapes

    with rasterio.open(path) as raster:
        values, place, crs = raster.read(1), raster.transform, raster.crs
    # Both classes where borders are simplified, else those with the background would count as the rim, which stays.
    chosen = None if simplify else values == 1
    # Flat arrays at once: the dictionaries and tuples of shapes take many times as much.
    points, rings, polygons, classes = array('d'), array('q', [0]), array('q', [0]), array('B')
    for shape, value in shapes(values, mask=chosen, connectivity=4, transform=place):
        for ring in shape['coordinates']:
            points.extend(chain.from_iterable(ring))
            rings.append(len(points) // 2)
        polygons.append(len(rings) - 1)
        classes.append(int(value))
    offsets = np.frombuffer(rings, np.int64), np.frombuffer(polygons, np.int64)
    flat = np.frombuffer(points, np.float64).reshape(-1, 2)
    outlines = shapely.from_ragged_array(shapely.GeometryType.POLYGON, flat, offsets)
    if simplify:
        outlines = shapely.coverage_simplify(outlines, simplify, simplify_boundary=False)
    outlines = outlines[np.frombuffer(classes, np.uint8) == 1]
    fields = {'fields': ['area_m2'], 'field_data': [shapely.area(outlines)]}
    form = {'driver': 'GPKG', 'geometry_type': 'Polygon', 'crs': crs.to_wkt()}
    pyogrio.raw.write(out, geometry=shapely.to_wkb(outlines), **fields, **form)
    return len(outlines)


def peak() -> float:
    """Return the most memory that this process has held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6


def measure(path: Path, way: str, *, limit: float) -> dict[str, Any]:
    """Make polygons one way, in a process of its own, and return what they took; without polygons at the limit."""
    kind, simplify = WAYS[way]
    import shapely

    import mmseg_aux_hrnet.maps  # noqa: F401  # both ways start with it, that is with torch

    before, start = peak(), time.perf_counter()
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit * 1e9), int(limit * 1e9)))
    try:
        polygons = {'strips': by_strips, 'whole': whole}[kind](path, path.with_suffix('.gpkg'), simplify=simplify)
    except (MemoryError, shapely.errors.GEOSException) as error:
        if isinstance(error, MemoryError) or 'bad_alloc' in str(error):
            return {}
        raise
    seconds = time.perf_counter() - start
    return {'polygons': polygons, 'peak': peak(), 'above': peak() - before, 'seconds': seconds}


def child(*arguments: object) -> str:
    """Run this file once more and return what it prints; empty where the system ended it for lack of memory."""
    line = [sys.executable, __file__, *map(str, arguments)]
    run = subprocess.run(line, check=False, stdout=subprocess.PIPE, text=True, encoding='utf-8')
    if run.returncode > 0:  # below 0 it is the signal that ended it: C++ aborts where it gets no memory
        run.check_returncode()
    return run.stdout


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--sides', type=int, nargs='+', default=[1000, 2500], help='of the maps, pixels')
    line.add_argument('--height', type=int, help='of the maps, pixels, where they are not to be square')
    line.add_argument(
        '--noise', type=float, default=0.05, help='share of pixels that are flipped (default: %(default)s)'
    )
    line.add_argument('--limit', type=float, default=6.0, help='GB that a process may take (default: %(default)s)')
    line.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS), help='(default: all)')
    line.add_argument('--make', type=Path, help=argparse.SUPPRESS)
    line.add_argument('--measure', type=Path, help=argparse.SUPPRESS)
    args = line.parse_args()
    if args.make:
        make(args.make, height=args.height or args.sides[0], width=args.sides[0], noise=args.noise)
    elif args.measure:
        print(json.dumps(measure(args.measure, args.ways[0], limit=args.limit)))
    else:
        print(f'{"map":>15}  {"way":24}{"polygons":>10}{"peak, MB":>10}{"above the start":>17}{"s":>6}')
        for side in args.sides:
            with tempfile.TemporaryDirectory() as folder:
                show(args, side, Path(folder) / 'map.tif')


def show(args: argparse.Namespace, side: int, path: Path) -> None:
    """Print a row for each way on one map."""
    height = args.height or side
    child('--make', path, '--sides', side, '--height', height, '--noise', args.noise)
    for way in args.ways:
        took = json.loads(child('--measure', path, '--ways', way, '--limit', args.limit) or '{}')
        path.with_suffix('.gpkg').unlink(missing_ok=True)
        figures = f'{"over":>20}'
        if took:
            figures = f'{took["polygons"]:10}{took["peak"]:10.0f}{took["above"]:17.0f}{took["seconds"]:6.0f}'
        print(f'{height:>6} x {side:<6}  {way:24}{figures}', flush=True)


if __name__ == '__main__':
    main()
