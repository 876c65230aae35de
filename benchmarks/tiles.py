"""Measures how long tiles take: of the tool, and of the loop that people write, in one process and one run.

The loop reads each window, calls ``rasterio.features.rasterize`` with all polygons, and writes both files, as recipes
for geopandas and rasterio do. Both write the same number of tiles, and the labels are compared.

Usage: python benchmarks/tiles.py [--side PIXELS] [--polygons N] [--skip-loop]. Needs the extra geo.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TILE = 512
UNIT = 1 if sys.platform == 'darwin' else 1024  # bytes in which ru_maxrss counts
PLACE = (500_000, 5_800_000, 0.5, 0.5)  # west, north, and metres of a pixel


def draw(folder: Path, *, side: int, count: int) -> tuple[Path, Path]:
    """Write a raster of smooth colours and as many ragged polygons over it; return both paths."""
    import cv2
    import numpy as np
    import pyogrio
    import rasterio
    import shapely
    from rasterio.windows import Window

    rng = np.random.default_rng(0)
    raster, labels = folder / 'ortho.tif', folder / 'green.gpkg'
    form = {'driver': 'GTiff', 'count': 3, 'dtype': 'uint8', 'compress': 'deflate', 'tiled': True, 'photometric': 'rgb'}
    place = rasterio.transform.from_origin(*PLACE)
    with rasterio.open(raster, 'w', height=side, width=side, crs='EPSG:32633', transform=place, **form) as file:
        for row in range(0, side, TILE):
            small = rng.integers(0, 256, (3, TILE // 8, side // 8 + 1)).astype(np.uint8)
            large = np.stack([cv2.resize(band, (side, TILE), interpolation=cv2.INTER_CUBIC) for band in small])
            rows = min(TILE, side - row)
            file.write(large[:, :rows], window=Window(0, row, side, rows))
    west, north, metres, _ = PLACE
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 12)), axis=1)
    radii = rng.uniform(3, 12, (count, 1)) * rng.uniform(0.7, 1, (count, 12))
    centres = (west, north) + rng.uniform(0, side * metres, (count, 1, 2)) * (1, -1)
    polygons = shapely.polygons(centres + radii[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    polygons = polygons[shapely.is_valid(polygons)]
    pyogrio.raw.write(
        labels, shapely.to_wkb(polygons), field_data=[], fields=[], crs='EPSG:32633', geometry_type='Polygon'
    )
    return raster, labels


def loop(raster: Path, labels: Path, out: Path) -> None:
    """Cut tiles as people do: every polygon is handed to GDAL for every tile."""
    import numpy as np
    import pyogrio
    import rasterio
    import shapely
    from PIL import Image
    from rasterio.features import rasterize
    from rasterio.windows import Window

    out.mkdir()
    polygons = [(shape, 1) for shape in shapely.from_wkb(pyogrio.raw.read(labels)[2])]
    with rasterio.open(raster) as source:
        for row in range(0, source.height - TILE + 1, TILE):
            for column in range(0, source.width - TILE + 1, TILE):
                window = Window(column, row, TILE, TILE)
                place = source.window_transform(window)
                label = rasterize(polygons, out_shape=(TILE, TILE), transform=place, dtype=np.uint8)
                form = {**source.profile, 'height': TILE, 'width': TILE, 'transform': place}
                with rasterio.open(out / f'ortho_{row:05d}_{column:05d}.tif', 'w', **form) as tile:
                    tile.write(source.read(window=window))
                Image.fromarray(label).save(out / f'ortho_{row:05d}_{column:05d}.png')


def tool(raster: Path, labels: Path, out: Path) -> None:
    """Cut tiles with the package, splits, lists and pictures included."""
    from mmseg_aux_hrnet.labelling.making import make_tiles
    from mmseg_aux_hrnet.labelling.request import TileRequest

    request = TileRequest(labels=(str(labels),), classes='background,green', tile=TILE, max_nodata=0.0)
    make_tiles([str(raster)], out, request)


def unlike_labels(loop_folder: Path, root: Path) -> int:
    """Return how many pixels of the labels differ; those of the tool may be fewer, never other."""
    import numpy as np
    from PIL import Image

    return sum(
        int((np.asarray(Image.open(path)) != np.asarray(Image.open(loop_folder / path.name))).sum())
        for path in (root / 'labeldata').rglob('*.png')
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return seconds of both, and the most memory of this process after the tool."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raster, labels = draw(folder, side=args.side, count=args.polygons)
        from mmseg_aux_hrnet.labelling import making  # noqa: F401  # before the clock runs: torch takes seconds

        start = time.perf_counter()
        tool(raster, labels, folder / 'root')
        took = {'tool': time.perf_counter() - start}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e6
        if not args.skip_loop:
            start = time.perf_counter()
            loop(raster, labels, folder / 'loop')
            took['loop'] = time.perf_counter() - start
            took['unlike'] = unlike_labels(folder / 'loop', folder / 'root')
        return {**took, 'peak': peak, 'tiles': len(list((folder / 'root').rglob('*.tif')))}


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--side', type=int, default=6144, help='of the raster in pixels (default: %(default)s)')
    line.add_argument('--polygons', type=int, default=10_000, help='(default: %(default)s)')
    line.add_argument('--skip-loop', action='store_true', help='measure the tool alone')
    args = line.parse_args()
    took = measure(args)
    size = f'{args.side} x {args.side} pixels, {args.polygons} polygons, {took["tiles"]} tiles'
    print(f'{size}: {took["tool"]:.1f} s, peak {took["peak"]:.0f} MB')
    if 'loop' in took:
        ratio = took['loop'] / took['tool']
        print(
            f'loop over all polygons: {took["loop"]:.1f} s, {ratio:.1f} times as long; {took["unlike"]} pixels differ'
        )


if __name__ == '__main__':
    main()
