"""Measures seams: how much maps that are stitched from windows differ from those of whole images.

Usage: python benchmarks/seams.py CONFIG CHECKPOINT IN... [--windows N...] [--overlaps SHARE...] [--grids N...]
"""

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from raster_stand_ins import machine, table
from rasterio.windows import Window
from rich.console import Console
from rich.progress import track

from mmseg_aux_hrnet.inference.predictor import Predictor
from mmseg_aux_hrnet.inference.values import class_values
from mmseg_aux_hrnet.raster.blend import axis_weights
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.raster.source import Patch, open_source
from mmseg_aux_hrnet.raster.windows import Axis, Plan, plan_axis

NEAR = 16  # pixels from the border of a window
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Way(NamedTuple):
    """A way to stitch: side of the windows, least overlap, grid of their starts, and weights."""

    window: int
    overlap: float
    grid: int
    weights: str


class Image:
    """An image and what the network says of it: whole, and of any window, each asked for once."""

    def __init__(self, predictor: Predictor, patch: Patch) -> None:
        self.predictor, self.valid = predictor, patch.valid
        self.pixels = patch.image
        self.pixels[~patch.valid] = predictor.facts.fill
        self.whole = self.decide(predictor(self.pixels))
        self._asked: dict[tuple[int, ...], Floats] = {}

    def window(self, top: int, left: int, height: int, width: int) -> Floats:
        """Return the probabilities of a window, float32 (classes, height, width)."""
        key = top, left, height, width
        if key not in self._asked:
            self._asked[key] = self.predictor(self.pixels[top : top + height, left : left + width])
        return self._asked[key]

    def decide(self, probabilities: Floats) -> NDArray[np.uint8]:
        """Return classes, uint8 (H, W)."""
        return class_values(probabilities, self.valid, decision=self.predictor.facts.decision)


def weights_of(axis: Axis, kind: str) -> Floats:
    """Return the weight of every pixel of every window, float32 (windows, window)."""
    if kind == 'smooth':
        return axis_weights(axis)
    count = np.zeros(axis.size, np.float32)
    for start in axis.starts:
        count[start : start + axis.window] += 1
    return np.stack([1 / count[start : start + axis.window] for start in axis.starts])


def stitched(image: Image, plan: Plan, kind: str) -> NDArray[np.uint8]:
    """Return the classes of an image that is predicted window by window, uint8 (H, W)."""
    total = np.zeros((len(image.predictor.facts.legend.names), plan.rows.size, plan.columns.size), np.float32)
    for top, down in zip(plan.rows.starts, weights_of(plan.rows, kind), strict=True):
        for left, across in zip(plan.columns.starts, weights_of(plan.columns, kind), strict=True):
            part = image.window(top, left, plan.rows.window, plan.columns.window)
            total[:, top : top + part.shape[1], left : left + part.shape[2]] += part * down[:, None] * across
    return image.decide(total)


def near_borders(plan: Plan) -> Bools:
    """Return which pixels lie near a border of a window inside the image, bool (H, W)."""
    lines = []
    for axis in plan:
        near = np.zeros(axis.size, bool)
        inner = {edge for start in axis.starts for edge in (start, start + axis.window)} - {0, axis.size}
        for edge in inner:
            near[max(0, edge - NEAR) : edge + NEAR] = True
        lines.append(near)
    return lines[0][:, None] | lines[1]


def counts_of(image: Image, way: Way) -> NDArray[np.int64]:
    """Return differing and all pixels near borders, differing and all pixels elsewhere, and windows; 0 for no seam."""
    height, width = image.valid.shape
    rows, columns = (plan_axis(size, window=way.window, overlap=way.overlap, grid=way.grid) for size in (height, width))
    windows = len(rows.starts) * len(columns.starts)
    if windows == 1:
        return np.zeros(5, np.int64)
    plan = Plan(rows, columns)
    differs = (stitched(image, plan, way.weights) != image.whole) & image.valid
    near = near_borders(plan)
    zones = [part for zone in (near, ~near) for part in ((differs & zone).sum(), (image.valid & zone).sum())]
    return np.array([*zones, windows])


def images_of(predictor: Predictor, names: list[str]) -> Iterator[Image]:
    """Yield images with what the network says of them as a whole."""
    for path in track(find_rasters(names), description='images', console=Console(stderr=True), transient=True):
        with open_source(path) as source:
            yield Image(predictor, source.read(Window(0, 0, source.width, source.height)))


def row_of(way: Way, counts: NDArray[np.int64]) -> list[Any]:
    """Return a row of the table."""
    near, near_all, far, far_all, windows = counts.tolist()
    shares = (near + far, near_all + far_all), (near, near_all), (far, far_all)
    percent = [f'{100 * part / whole:.3f}' if whole else '-' for part, whole in shares]
    return [way.window, f'{way.overlap:.3g}', way.grid, way.weights, *percent, windows]


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('config')
    line.add_argument('checkpoint')
    line.add_argument('images', nargs='+', metavar='IN', help='images or rasters that fit into memory whole')
    line.add_argument('--windows', type=int, nargs='+', default=[256, 512], help='(default: 256 512)')
    line.add_argument('--overlaps', type=float, nargs='+', default=[0, 0.25, 1 / 3, 0.5], help='(default: 0 to 0.5)')
    line.add_argument('--grids', type=int, nargs='+', default=[32], help='of which starts are multiples (default: 32)')
    line.add_argument('--threads', type=int, default=1, help='of torch (default: %(default)s)')
    args = line.parse_args()
    torch.set_num_threads(args.threads)
    predictor = Predictor.from_files(args.config, args.checkpoint, device='cpu')
    ways = [Way(*way) for way in product(args.windows, args.overlaps, args.grids, ('uniform', 'smooth'))]
    counts = {way: np.zeros(5, np.int64) for way in ways}
    images = 0
    for image in images_of(predictor, args.images):
        images += 1
        for way in ways:
            counts[way] += counts_of(image, way)
    console = Console(width=120)
    console.print(f'{machine()}; {Path(args.checkpoint).name}, {images} images, those with one window left out')
    headings = [
        'window',
        'overlap',
        'grid',
        'weights',
        'differ %',
        f'within {NEAR} px of a border %',
        'elsewhere %',
        'windows',
    ]
    console.print(
        table('pixels whose class is not that of the whole image', headings, [row_of(*row) for row in counts.items()])
    )


if __name__ == '__main__':
    main()
