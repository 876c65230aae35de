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
from numpy.typing import NDArray
from raster_stand_ins import Floats, FreeModel, machine, table, write_raster
from rasterio.windows import Window
from rich.console import Console

from mmseg_aux_hrnet.maps.predict.blocks import predict_blocks
from mmseg_aux_hrnet.maps.predict.planning import plan_map
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.raster.source import open_source

OVERLAP = 1 / 3
Answer = Callable[[torch.Tensor], torch.Tensor]


class RedModel(FreeModel):
    """Answers red as the probability of the second of two classes."""

    def __init__(self) -> None:
        super().__init__(2, window=1)

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, 2, H, W), of RGB images, uint8 (N, H, W, 3)."""
        red = images[..., 0].astype(np.float32) / 255
        return np.stack([1 - red, red], axis=1)


def slide_inference(answer: Answer, image: torch.Tensor, *, classes: int, window: int) -> torch.Tensor:
    """Return what mmseg blends of the answers to each crop, float32 (1, classes, H, W)."""
    stride = int(window * (1 - OVERLAP))
    segmentor = SimpleNamespace(
        test_cfg=SimpleNamespace(stride=(stride, stride), crop_size=(window, window)),
        out_channels=classes,
        encode_decode=lambda crop, metas: answer(crop),
    )
    blended: torch.Tensor = EncoderDecoder.slide_inference(segmentor, image, [{}])
    return blended


def check(folder: Path, *, height: int = 700, width: int = 900, window: int = 256) -> None:
    """Check that both blend to the same where the answer to a pixel is its red."""
    path = folder / 'check.tif'
    write_raster(path, height=height, width=width)
    with open_source(path) as source:
        red = source.read(Window(0, 0, width, height)).image[..., 0]
    image = torch.from_numpy(red)[None, None] / 255
    theirs = slide_inference(lambda crop: torch.cat([1 - crop, crop], 1), image, classes=2, window=window)[0]
    planned = plan_map(RedModel(), path, MapSettings(window=window, overlap=OVERLAP))
    blocks = predict_blocks(planned.work, planned.model, range(len(planned.work.windows.rows.starts)))
    ours = np.concatenate([block.probabilities for block in blocks], axis=1)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


def blended(path: Path, model: FreeModel, settings: MapSettings) -> None:
    """Read, predict and blend, and drop what comes out."""
    planned = plan_map(model, path, settings)
    for _ in predict_blocks(planned.work, planned.model, range(len(planned.work.windows.rows.starts))):
        pass


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return CPU seconds of all threads, and seconds by the clock."""
    start, by_clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - start, time.perf_counter() - by_clock


def rows_of(classes: int, *, side: int, window: int, rounds: int, folder: Path) -> list[list[str]]:
    """Return the rows of the table for a count of classes; all works take turns, and the shortest time counts."""
    model, path = FreeModel(classes, window=window), folder / 'raster.tif'
    image, answer = torch.zeros(1, 3, side, side), torch.from_numpy(model.answer)[None]
    slide = partial(slide_inference, lambda crop: answer, image, classes=classes, window=window)
    settings = MapSettings(overlap=OVERLAP, overwrite=True)
    with_all = MapSettings(overlap=OVERLAP, overwrite=True, probabilities='uint8')
    works: dict[str, Callable[[], Any]] = {
        'mmseg slide_inference: blend': slide,
        'here: read, blend': partial(blended, path, model, settings),
        'here: read, blend, decide, journal, write': partial(predict_raster, model, path, folder / 'a.tif', settings),
        'the same with probabilities': partial(predict_raster, model, path, folder / 'b.tif', with_all),
    }
    spent = [[timed(work) for work in works.values()] for _ in range(rounds)]
    best = np.min(spent, axis=0)
    return [
        [str(classes), name, *(f'{figure:#.3g}' for figure in (cpu, clock, best[0][0] / cpu, best[0][1] / clock))]
        for name, (cpu, clock) in zip(works, best, strict=True)
    ]


def main() -> None:
    """Measure and print."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument('--side', type=int, default=4096, help='of the raster in pixels (default: %(default)s)')
    line.add_argument('--window', type=int, default=512, help='side of the windows (default: %(default)s)')
    line.add_argument('--classes', type=int, nargs='+', default=[2], help='counts (default: 2; 19 takes minutes)')
    line.add_argument('--rounds', type=int, default=1, help='of which the shortest counts (default: %(default)s)')
    args = line.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder))
        write_raster(Path(folder, 'raster.tif'), height=args.side, width=args.side)
        for classes in args.classes:
            rows += rows_of(classes, side=args.side, window=args.window, rounds=args.rounds, folder=Path(folder))
    console = Console(width=120)
    console.print(f'{machine()}; one thread of torch')
    title = f'{args.side} x {args.side}, windows of {args.window}, overlap a third; equal blends'
    headings = ['classes', 'what is done', 'CPU s', 'clock s', 'times less CPU', 'times less by the clock']
    console.print(table(title, headings, rows))


if __name__ == '__main__':
    main()
