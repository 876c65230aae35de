"""Times many small rasters whose windows share batches, against the same rasters predicted one after the other.

Usage: python benchmarks/raster_small.py [--rasters N] [--batch-size N] [--call MS] [--window MS] [--rounds N]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from cluster_scaling import Quiet
from numpy.typing import NDArray
from raster_stand_ins import Floats, FreeModel, machine, table, write_raster
from rich.console import Console

from mmseg_aux_hrnet.maps.predict.blocks import NEARLY_FULL
from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

WINDOW = 512  # pixels


class DeviceModel(FreeModel):
    """Answers as a GPU does: each call takes a time, and each of its windows another.

    Args:
        call: ms.
        window: ms.
    """

    def __init__(self, *, call: float, window: float) -> None:
        super().__init__(2, window=WINDOW)
        self.call, self.per_window, self.calls, self.windows = call / 1e3, window / 1e3, 0, 0

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, 2, H, W), of RGB images, uint8 (N, H, W, 3)."""
        self.calls, self.windows = self.calls + 1, self.windows + len(images)
        time.sleep(self.call + self.per_window * len(images))
        return super().predict(images)


def rate(rasters: list[Path], folder: Path, args: argparse.Namespace, *, together: bool) -> tuple[float, float]:
    """Return how many rasters a second get their maps, and the mean of windows in a call."""
    model, settings = DeviceModel(call=args.call, window=args.window), MapSettings(batch_size=args.batch_size)
    enough = NEARLY_FULL if together else 0.0  # from that share of a batch on, a raster needs no others
    patched = mock.patch('mmseg_aux_hrnet.maps.predict.small.NEARLY_FULL', enough)
    with tempfile.TemporaryDirectory(dir=folder) as out, patched:
        start = time.perf_counter()
        predict_rasters(model, rasters, map_paths(rasters, Path(out)), settings=settings, listener=Quiet())
        return len(rasters) / (time.perf_counter() - start), model.windows / model.calls


def main() -> None:
    """Measure pairs in turns, and print the median of their ratios."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--rasters', type=int, default=96, help='count (default: %(default)s)')
    line.add_argument('--side', type=int, default=WINDOW, help='of a raster in pixels (default: %(default)s)')
    line.add_argument('--batch-size', type=int, default=16, help='windows (default: %(default)s)')
    line.add_argument('--call', type=float, default=20, help='ms that the network takes for a call')
    line.add_argument('--window', type=float, default=1, help='ms that it takes for each window of a call')
    line.add_argument('--rounds', type=int, default=3, help='pairs (default: %(default)s)')
    args = line.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rasters = [folder / f'{number:05d}.tif' for number in range(args.rasters)]
        for raster in rasters:
            write_raster(raster, height=args.side, width=args.side)
        pairs = [
            [rate(rasters, folder, args, together=together) for together in (False, True)] for _ in range(args.rounds)
        ]
    rows = [
        [name, f'{statistics.median(pair[place][0] for pair in pairs):.1f}', f'{pairs[0][place][1]:.1f}']
        for place, name in enumerate(('one after the other', 'together'))
    ]
    ratios = [after[0] / before[0] for before, after in pairs]
    title = f'{args.rasters} rasters of {args.side} x {args.side}, {args.call:g} ms a call and {args.window:g} a window'
    console = Console(width=120)
    console.print(f'{machine()}')
    console.print(table(title, ['way', 'rasters/s', 'windows in a call'], rows))
    console.print(f'ratio of pairs: {", ".join(f"{ratio:.2f}" for ratio in ratios)}; median {np.median(ratios):.2f}')


if __name__ == '__main__':
    main()
