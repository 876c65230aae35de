"""Kills runs by signal 9 at every file that they put in place, goes on, and prints what came of it, as JSON lines."""

import itertools
import json
import os
import signal
import sys
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path

from map_support import StubModel

from mmseg_aux_hrnet.maps.predict.raster_map import RasterMap, predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

REPLACE = os.replace


def in_child(work):
    """Do the work in a process of its own and return the signal that ended it.

    All that GDAL does is done in such processes: its threads do not survive a fork, and a child would wait for them.
    """
    child = os.fork()
    if child == 0:
        try:
            work()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(os.WEXITSTATUS(status))
    return os.WTERMSIG(status)


def killing(work, *, at, after):
    """Return work that is killed before or after its ``at``-th file is put in place."""

    def until_then():
        placed = iter(range(1000))

        def replace(source, target):
            number = next(placed)
            if number == at and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            REPLACE(source, target)
            if number == at:
                os.kill(os.getpid(), signal.SIGKILL)

        os.replace = replace
        work()

    return until_then


def go_on(raster, out, settings):
    """Finish the run and print what was there, what was left to do, and what was done."""
    whole_looking = out.exists()
    raster_map = RasterMap(StubModel(), raster, out, settings)
    open_rows = len(raster_map.missing())
    model = StubModel(shifted=True)
    predict_raster(model, raster, out, replace(settings, resume=True))
    said = {
        'there': whole_looking,
        'name': out.name,
        'rows_left': 0 if whole_looking else open_rows,
        'windows': model.count,
        'columns': len(raster_map.plan.work.windows.columns.starts),
        'left': sorted(path.name for path in out.parent.glob(f'.{out.name}.[!j]*')),
    }
    print(json.dumps(said))


def main(raster, folder):
    """Kill one run after the other until one ends by itself."""
    settings = MapSettings(probabilities='uint8', batch_size=2)
    for at in itertools.count():
        for after in (False, True):
            out = folder / f'{at}_{after}_classes.tif'
            run = partial(predict_raster, StubModel(shifted=True), raster, out, settings)
            if in_child(killing(run, at=at, after=after)) != signal.SIGKILL:
                return
            in_child(partial(go_on, raster, out, settings))


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
