"""Kills runs by signal 9 at every file that they put in place, goes on, and prints what came of it, as JSON lines."""

import json
import os
import signal
import sys
from pathlib import Path

from map_support import StubModel

from mmseg_aux_hrnet.inference.mapping import journal_of, predict_raster
from mmseg_aux_hrnet.inference.planning import plan_map
from mmseg_aux_hrnet.inference.settings import MapSettings

REPLACE = os.replace


def killed(work, *, at, after):
    """Do the work in a process that is killed before or after its ``at``-th file is put in place; return its signal."""
    child = os.fork()
    if child == 0:
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
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def main(raster, folder):
    """Kill one run after the other until one ends by itself."""
    at = 0
    while True:
        for after in (False, True):
            out = folder / f'{at}_{after}_classes.tif'
            settings = {'probabilities': 'uint8', 'batch_size': 2}
            begin = MapSettings(**settings)
            sent = killed(lambda: predict_raster(StubModel(shifted=True), raster, out, begin), at=at, after=after)  # noqa: B023
            if sent == 0:
                return
            whole_looking = out.exists()
            planned = plan_map(StubModel(), raster, out, begin)
            open_rows = planned.blocks - len(journal_of(planned).finished())
            model = StubModel(shifted=True)
            predict_raster(model, raster, out, MapSettings(**settings, resume=True))
            print(
                json.dumps(
                    {
                        'signal': sent,
                        'there': whole_looking,
                        'name': out.name,
                        'rows_left': 0 if whole_looking else open_rows,
                        'windows': model.count,
                        'columns': len(planned.work.plan.columns.starts),
                        'left': sorted(path.name for path in folder.glob(f'.{out.name}*')),
                    }
                )
            )
        at += 1


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
