"""Times what a map costs beside the network, against mmseg's slide_inference; both get a network that costs nothing.

Usage: python benchmarks/raster_bookkeeping.py [--side N] [--classes N...] [--rounds N]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from mmseg.models.segmentors import EncoderDecoder
from raster_stand_ins import FreeModel, machine, table, write_raster
from rich.console import Console

from mmseg_aux_hrnet.inference.blocks import predict_blocks
from mmseg_aux_hrnet.inference.mapping import predict_raster
from mmseg_aux_hrnet.inference.planning import plan_map
from mmseg_aux_hrnet.inference.settings import MapSettings

OVERLAP = 1 / 3


def slide_inference(model: FreeModel, image: torch.Tensor, *, window: int) -> torch.Tensor:
    """Return the blended answers of mmseg, float32 (1, classes, H, W)."""
    answer = torch.from_numpy(model.answer)[None]
    stride = int(window * (1 - OVERLAP))
    segmentor = SimpleNamespace(
        test_cfg=SimpleNamespace(stride=(stride, stride), crop_size=(window, window)),
        out_channels=len(model.answer),
        encode_decode=lambda crop, metas: answer[..., : crop.shape[2], : crop.shape[3]],
    )
    blended: torch.Tensor = EncoderDecoder.slide_inference(segmentor, image, [{}])
    return blended


def blended(path: Path, model: FreeModel, settings: MapSettings) -> None:
    """Read, predict and blend, and drop what comes out."""
    planned = plan_map(model, path, path.with_name('unused.tif'), settings)
    for _ in predict_blocks(planned.work, planned.model, range(planned.blocks)):
        pass


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return CPU seconds of all threads, and seconds by the clock."""
    start, by_clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - start, time.perf_counter() - by_clock


def rows_of(classes: int, *, side: int, window: int, rounds: int, folder: Path) -> list[list[str]]:
    """Return the rows of the table for a count of classes; all works take turns, and the shortest time counts."""
    model, path = FreeModel(classes, window=window), folder / 'raster.tif'
    image = torch.zeros(1, 3, side, side)
    settings = MapSettings(overlap=OVERLAP, overwrite=True)
    with_all = MapSettings(overlap=OVERLAP, overwrite=True, probabilities='uint8')
    works: dict[str, Callable[[], Any]] = {
        'mmseg slide_inference: blend': partial(slide_inference, model, image, window=window),
        'here: read, blend': partial(blended, path, model, settings),
        'here: read, blend, decide, journal, write': partial(predict_raster, model, path, folder / 'a.tif', settings),
        'the same with probabilities': partial(predict_raster, model, path, folder / 'b.tif', with_all),
    }
    spent = [[timed(work) for work in works.values()] for _ in range(rounds)]
    best = np.min(spent, axis=0)
    return [
        [str(classes), name, f'{cpu:.2f}', f'{clock:.2f}', f'1/{best[0][0] / cpu:.0f}', f'1/{best[0][1] / clock:.0f}']
        for name, (cpu, clock) in zip(works, best, strict=True)
    ]


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--side', type=int, default=4096, help='of the raster in pixels (default: %(default)s)')
    line.add_argument('--window', type=int, default=512, help='side of the windows (default: %(default)s)')
    line.add_argument('--classes', type=int, nargs='+', default=[2, 19], help='counts (default: 2 19)')
    line.add_argument('--rounds', type=int, default=1, help='of which the shortest counts (default: %(default)s)')
    args = line.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_raster(Path(folder, 'raster.tif'), height=args.side, width=args.side)
        for classes in args.classes:
            rows += rows_of(classes, side=args.side, window=args.window, rounds=args.rounds, folder=Path(folder))
    console = Console(width=120)
    console.print(f'{machine()}; one thread of torch')
    title = f'{args.side} x {args.side}, windows of {args.window}, overlap a third; ratios to slide_inference'
    headings = ['classes', 'what is done', 'CPU s', 'clock s', 'CPU ratio', 'clock ratio']
    console.print(table(title, headings, rows))


if __name__ == '__main__':
    main()
