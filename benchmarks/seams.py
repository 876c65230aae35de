"""Measures seams: how much maps that are stitched from windows differ from those of whole images.

Usage: python benchmarks/seams.py CONFIG CHECKPOINT IN... [--windows N...] [--overlaps SHARE...] [--grids N...]
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from itertools import product
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from raster_stand_ins import Floats, machine, table
from rasterio.windows import Window
from rich.console import Console
from rich.progress import track

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.predict import blocks
from mmseg_aux_hrnet.maps.predict.map_files import class_values
from mmseg_aux_hrnet.maps.predict.model import ModelFacts
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.windows import Axis, Windows, plan_axis
from mmseg_aux_hrnet.raster.inputs import find_rasters
from mmseg_aux_hrnet.raster.source import Patch, open_source
from mmseg_aux_hrnet.run.command import run_tool

NEAR = 16  # pixels from the border of a window
LIMIT = 0.5  # percent of the pixels


class Way(NamedTuple):
    """A way to stitch.

    Attributes:
        window: side of the windows in pixels.
        overlap: least share of a window that the next one covers too.
        grid: of which the windows' starts are multiples, in pixels.
        power: of the sine that is the weight across a window; 0 for a plain mean.
    """

    window: int
    overlap: float
    grid: int
    power: float


class Image:
    """An image in memory, and what the network says of it; as a model, it asks the network once for each window."""

    def __init__(self, predictor: Predictor, patch: Patch) -> None:
        self.predictor, self.patch = predictor, patch
        filled = patch.image.copy()
        filled[~patch.valid] = predictor.facts.fill
        self.whole = self.decide(predictor(filled))
        self._asked: dict[bytes, Floats] = {}

    @property
    def facts(self) -> ModelFacts:
        """Return those of the network."""
        return self.predictor.facts

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window."""
        part = window.toslices()
        return Patch(self.patch.image[part].copy(), self.patch.valid[part].copy())

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, classes, H, W), of RGB images, uint8 (N, H, W, 3)."""
        return np.stack([self._ask(image) for image in images])

    def decide(self, probabilities: Floats) -> NDArray[np.uint8]:
        """Return classes, uint8 (H, W)."""
        return class_values(probabilities, self.patch.valid, decision=self.facts.decision)

    def stitched(self, windows: Windows, *, power: float) -> NDArray[np.uint8]:
        """Return classes, uint8 (H, W), predicted window by window."""
        work = blocks.Work(lambda: nullcontext(self), windows, 1)
        with mock.patch.object(blocks, 'axis_weights', partial(axis_weights, power=power)):
            rows = [block.probabilities for block in blocks.predict_blocks(work, self, range(len(windows.rows.starts)))]
        return self.decide(np.concatenate(rows, axis=1))

    def _ask(self, image: NDArray[np.uint8]) -> Floats:
        key = image.tobytes()
        if key not in self._asked:
            self._asked[key] = self.predictor(image)
        return self._asked[key]


def axis_weights(axis: Axis, *, power: float) -> Floats:
    """Return the weight of every pixel of every window along an axis, float32 (windows, window)."""
    profile = np.sin(np.pi * (np.arange(axis.window) + 0.5) / axis.window) ** power
    total = np.zeros(axis.starts[-1] + axis.window)
    for start in axis.starts:
        total[start : start + axis.window] += profile
    return np.stack([profile / total[start : start + axis.window] for start in axis.starts]).astype(np.float32)


def near_borders(windows: Windows) -> NDArray[np.bool_]:
    """Return which pixels lie near a border of a window inside the image, bool (H, W)."""
    lines = []
    for axis in windows:
        near = np.zeros(axis.size, bool)
        for edge in {edge for start in axis.starts for edge in (start, start + axis.window) if 0 < edge < axis.size}:
            near[max(0, edge - NEAR) : edge + NEAR] = True
        lines.append(near)
    return lines[0][:, None] | lines[1]


def counts_of(image: Image, way: Way) -> NDArray[np.int64]:
    """Return differing and all pixels near borders, differing and all pixels elsewhere, and windows; 0 for no seam."""
    sizes = image.whole.shape
    rows, columns = (plan_axis(size, window=way.window, overlap=way.overlap, grid=way.grid) for size in sizes)
    count = len(rows.starts) * len(columns.starts)
    if count == 1:
        return np.zeros(5, np.int64)
    windows, valid = Windows(rows, columns), image.patch.valid
    differs = image.stitched(windows, power=way.power) != image.whole
    near = near_borders(windows)
    return np.array(
        [(differs & near).sum(), (valid & near).sum(), (differs & ~near).sum(), (valid & ~near).sum(), count]
    )


def images_of(predictor: Predictor, names: list[str], *, cut: int) -> Iterator[Image]:
    """Yield images, less ``cut`` pixels on the right and below, with what the network says of them as a whole."""
    for path in track(find_rasters(names), description='images', console=Console(stderr=True), transient=True):
        with open_source(path) as source:
            if not 0 <= cut < min(source.height, source.width):
                raise ConfigError(f'{path} is {source.height} x {source.width}: {cut} pixels cannot be cut off')
            yield Image(predictor, source.read(Window(0, 0, source.width - cut, source.height - cut)))


def row_of(way: Way, counts: NDArray[np.int64]) -> list[Any]:
    """Return a row of the table."""
    near, near_all, far, far_all, windows = counts.tolist()
    shares = (near + far, near_all + far_all), (near, near_all), (far, far_all)
    percent = [f'{100 * part / whole:.3f}' if whole else '-' for part, whole in shares]
    return [way.window, f'{way.overlap:.3g}', way.grid, f'{way.power:g}', *percent, windows]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('config')
    line.add_argument('checkpoint')
    line.add_argument('images', nargs='+', metavar='IN', help='images or rasters that fit into memory whole')
    line.add_argument('--windows', type=int, nargs='+', default=[256, 512], help='(default: 256 512)')
    line.add_argument('--overlaps', type=float, nargs='+', default=[0, 0.25, 1 / 3, 0.5], help='(default: 0 to 0.5)')
    line.add_argument('--grids', type=int, nargs='+', default=[32], help='of which starts are multiples (default: 32)')
    line.add_argument('--powers', type=float, nargs='+', default=[0, 2, 4], help='of the sine (default: 0 2 4)')
    line.add_argument('--cut', type=int, default=0, help='leave off pixels on the right and below (default: 0)')
    line.add_argument('--threads', type=int, default=1, help='of torch (default: %(default)s)')
    return line


def measure(args: argparse.Namespace) -> str:
    """Measure, print the table, and return the closing line."""
    ways = [Way(*way) for way in product(args.windows, args.overlaps, args.grids, args.powers)]
    for way in ways:
        MapSettings(window=way.window, overlap=way.overlap)  # refuses what is no setting
    torch.set_num_threads(args.threads)
    predictor = Predictor.from_files(args.config, args.checkpoint, device='cpu')
    counts = dict.fromkeys(ways, np.zeros(5, np.int64))
    images = 0
    for image in images_of(predictor, args.images, cut=args.cut):
        found = {way: counts_of(image, way) for way in ways}
        counts = {way: counts[way] + found[way] for way in ways}
        images += any(one[-1] for one in found.values())
    console = Console(width=120)
    console.print(f'{machine()}; {images} images of more than one window, cut by {args.cut} px')
    near = f'within {NEAR} px of borders %'
    headings = ['window', 'overlap', 'grid', 'power', 'differ %', near, 'elsewhere %', 'windows']
    rows = [row_of(way, count) for way, count in counts.items() if count[1] + count[3]]  # valid pixels
    console.print(table('pixels whose class is not that of the whole image', headings, rows))
    return _closing_line(rows)


def _closing_line(rows: list[list[Any]]) -> str:
    """Return the windows that need the least overlap to stay under the limit."""
    under = [row for row in rows if float(row[4]) < LIMIT]
    if not under:
        return f'no way stays under {LIMIT} %'
    least = min(under, key=lambda row: float(row[1]))
    return f'least overlap under {LIMIT} %: {least[1]}, window {least[0]}, grid {least[2]}, power {least[3]}'


def main() -> int:
    """Measure and return the exit code."""
    return run_tool(measure, parser().parse_args())


if __name__ == '__main__':
    sys.exit(main())
