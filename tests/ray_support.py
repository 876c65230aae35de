"""What tests of a cluster run in its workers, and a driver that can be killed."""

import os
import sys
import time
from functools import partial
from pathlib import Path

from map_support import Heard, StubModel

from mmseg_aux_hrnet.maps.predict.fleet import predict_on_ray
from mmseg_aux_hrnet.maps.predict.many import map_paths
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

SETTINGS = {'overlap': 0.0, 'batch_size': 2}


class Watched(StubModel):
    """A stub that takes its time, notes what it is asked for, and dies where it is told to.

    Args:
        folder: of its notes: ``windows``, a line for each call, and ``dies``, which kills the worker that removes it.
        pause: seconds a call.
        record: what is known about it beside the usual.
    """

    def __init__(self, folder, pause=0.0, record=()):
        super().__init__(shifted=True)
        self.facts.record.update(record)
        self.folder, self.pause = folder, pause

    def predict(self, images):
        time.sleep(self.pause)
        try:
            (self.folder / 'dies').unlink()
        except FileNotFoundError:
            pass
        else:
            os.kill(os.getpid(), 9)  # as the kernel does where memory runs out
        with (self.folder / 'windows').open('a') as notes:
            notes.write(f'{len(images)}\n')
        return super().predict(images)


def windows(folder):
    """Return how many windows all workers have predicted."""
    notes = folder / 'windows'
    return sum(map(int, notes.read_text().split())) if notes.exists() else 0


def predict(address, paths, out, folder, *, pause=0.0, heard=None, record=(), bucket=None, **settings):
    """Predict rasters on a cluster, with the network of the driver known by ``MODEL`` only."""
    heard = Heard() if heard is None else heard
    variables = {} if bucket is None else dict(os.environ)
    return predict_on_ray(
        partial(_watched, variables, folder, pause, record), Watched(folder), paths, map_paths(paths, out),
        settings=MapSettings(**SETTINGS, **settings), listener=heard, address=address, cpus=1, bucket=bucket,
    )  # fmt: skip


def _watched(variables, *args):
    os.environ.update(variables)  # those of the server of the tests, which came later than the workers' machine
    return Watched(*args)


if __name__ == '__main__':
    address, out, folder, *paths = sys.argv[1:]
    predict(address, [*map(Path, paths)], Path(out), Path(folder), pause=0.2)
