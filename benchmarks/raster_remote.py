"""Measures how much longer a map takes when its raster lies on a server that takes its time for each request.

Usage: python benchmarks/raster_remote.py [--size N] [--latency MS] [--rate MPIXEL_PER_S] [--rounds N]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import rasterio.shutil
from numpy.typing import NDArray
from raster_stand_ins import Floats, machine, table, write_raster
from rich.console import Console

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.maps.predict.model import ModelFacts
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

SERVER = Path(__file__).resolve().parents[1] / 'tests' / 'remote_support.py'
LEGEND = Classes(('other', 'green'), ((0, 0, 0), (0, 128, 0)), 1)


class SleepingModel:
    """A network of a fixed speed that leaves the processor to others, as one on a GPU does.

    Args:
        rate: megapixels of windows in a second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.facts = ModelFacts(LEGEND, window=(512, 512))

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, 2, H, W), of RGB images, uint8 (N, H, W, 3)."""
        time.sleep(images[..., 0].size / 1e6 / self.rate)
        second = images[..., 0].astype(np.float32) / 255
        return np.stack([1 - second, second], axis=1)


def seconds(model: SleepingModel, raster: str | Path, out: Path) -> float:
    """Return how long a map takes."""
    start = time.perf_counter()
    predict_raster(model, raster, out, MapSettings(overwrite=True))
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Return the medians of the seconds of a map of a file, and of the same file on a server."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_raster(folder / 'plain.tif', height=args.size, width=args.size)
        rasterio.shutil.copy(folder / 'plain.tif', folder / 'raster.tif', driver='COG', COMPRESS='DEFLATE')
        model, near, far = SleepingModel(args.rate), [], []
        server = subprocess.Popen([sys.executable, '-S', str(SERVER)], cwd=folder, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            host = f'127.0.0.1:{int(server.stdout.readline())}'
            HTTPConnection(host).request('PUT', '/_control', json.dumps({'latency': args.latency / 1000}))
            for number in range(args.rounds):
                near.append(seconds(model, folder / 'raster.tif', folder / 'near.tif'))
                # Another name each time, for GDAL keeps what it has read.
                address = f'http://{host}/raster.tif?round={number}'
                far.append(seconds(model, address, folder / 'far.tif'))
        finally:
            server.kill()
            server.wait()
        if (folder / 'near.tif').read_bytes() != (folder / 'far.tif').read_bytes():
            raise SystemExit('the two maps are not the same')
    local, remote = statistics.median(near), statistics.median(far)
    return {'local': local, 'remote': remote, 'ratio': remote / local}


def main() -> None:
    """Measure and print a table."""
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument('--size', type=int, default=6000, help='pixels of a side of the raster (default: %(default)s)')
    line.add_argument('--latency', type=float, default=50, help='ms for each request (default: %(default)s)')
    line.add_argument('--rate', type=float, default=10, help='megapixels of windows in a second (default: %(default)s)')
    line.add_argument('--rounds', type=int, default=3, help='of which the median counts (default: %(default)s)')
    args = line.parse_args()
    result = measure(args)
    rows = [
        ['a file', f'{result["local"]:.1f}', '1'],
        [f'on a server, {args.latency:g} ms a request', f'{result["remote"]:.1f}', f'{result["ratio"]:.2f}'],
    ]
    Console().print(machine(), table('Map of a remote raster', ['raster', 'seconds', 'times the local one'], rows))


if __name__ == '__main__':
    main()
