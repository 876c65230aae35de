"""Measures how much longer a map takes on a CPU than the network's own forward passes: all else should run beside them.

Usage: python benchmarks/raster_overlap.py [--height N] [--width N] [--rounds N] [--threads N]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from raster_stand_ins import Floats, machine, table, untrained_predictor, write_raster
from rich.console import Console

from mmseg_aux_hrnet.maps.predict.model import ModelFacts
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings


class TimedModel:
    """A predictor that adds up the seconds of its forward passes."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.seconds = 0.0

    @property
    def facts(self) -> ModelFacts:
        """Return those of the predictor."""
        return self.predictor.facts

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, classes, H, W), of RGB images, uint8 (N, H, W, 3)."""
        start = time.perf_counter()
        probabilities = self.predictor.predict(images)
        self.seconds += time.perf_counter() - start
        return probabilities


def whole_run(model: TimedModel, folder: Path, settings: MapSettings) -> tuple[float, float]:
    """Make the map and return its seconds, and those of the forward passes in it."""
    model.seconds, start = 0.0, time.perf_counter()
    predict_raster(model, folder / 'raster.tif', folder / 'raster_classes.tif', settings)
    return time.perf_counter() - start, model.seconds


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--height', type=int, default=3000, help='of the raster in pixels (default: %(default)s)')
    line.add_argument('--width', type=int, default=4000, help='of the raster in pixels (default: %(default)s)')
    line.add_argument('--window', type=int, default=512, help='side of the windows (default: %(default)s)')
    line.add_argument('--rounds', type=int, default=2, help='runs of each kind (default: %(default)s)')
    line.add_argument('--threads', type=int, default=1, help='of torch (default: %(default)s)')
    args = line.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    kinds = {
        'class map': MapSettings(window=args.window, overwrite=True),
        'class map and probabilities': MapSettings(window=args.window, overwrite=True, probabilities='uint8'),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_raster(folder / 'raster.tif', height=args.height, width=args.width)
        model = TimedModel(untrained_predictor(folder))
        model.predict(np.zeros((1, args.window, args.window, 3), np.uint8))  # the first pass sets things up
        spent = [[whole_run(model, folder, settings) for settings in kinds.values()] for _ in range(args.rounds)]
    rows = []
    for kind, times in zip(kinds, zip(*spent, strict=True), strict=True):
        ratios = sorted(whole / forward for whole, forward in times)
        whole, forward = (statistics.median(part) for part in zip(*times, strict=True))
        rows.append([kind, f'{whole:.1f}', f'{forward:.1f}', f'{statistics.median(ratios):.3f}', f'{ratios[-1]:.3f}'])
    console = Console(width=110)
    console.print(f'{machine()}; {args.threads} thread(s) of torch')
    title = f'{args.height} x {args.width}, W18-Small-v1, windows of {args.window}, overlap a third, {args.rounds} runs'
    console.print(table(title, ['written', 'run s', 'forward passes s', 'ratio', 'worst'], rows))


if __name__ == '__main__':
    main()
