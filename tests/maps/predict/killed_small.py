"""Kills runs over small rasters by signal 9 at files that they put in place, and goes on, in processes of their own."""

import itertools
import json
import signal
import sys
from functools import partial
from pathlib import Path

from killed_runs import in_child, killing
from map_support import Heard, Rounding

from mmseg_aux_hrnet.maps.predict.many import map_paths, predict_rasters
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

EVERY = 9  # files


def run(rasters, out, *, resume=False):
    """Make the maps and print how many windows that took, and what was finished before."""
    model, heard = Rounding(), Heard()
    settings = MapSettings(probabilities='uint8', batch_size=3, resume=resume)
    failed, _ = predict_rasters(model, rasters, map_paths(rasters, out), settings=settings, listener=heard)
    assert not failed, failed
    finished = sum('is finished' in note for note in heard.notes())
    left = sorted(path.name for path in out.glob('.*') if path.suffix != '.json')
    print(json.dumps({'out': out.name, 'windows': model.count, 'finished': finished, 'left': left}), flush=True)


def main(folder, rasters):
    """Make the maps without a break; then kill one run after the other until one ends by itself."""
    in_child(partial(run, rasters, folder / 'whole'))
    for at in itertools.count(0, EVERY):
        out = folder / f'{at}'
        if in_child(killing(partial(run, rasters, out), at=at, after=at % 2 == 0)) != signal.SIGKILL:
            return
        in_child(partial(run, rasters, out, resume=True))


if __name__ == '__main__':
    main(Path(sys.argv[1]), [*map(Path, sys.argv[2:])])
