"""Kills a part by signal 9 at every file that it puts in place, runs the parts again, and prints what came of it."""

import itertools
import json
import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path

from killed_runs import in_child
from map_support import Heard, StubModel

from mmseg_aux_hrnet.maps.predict.many import map_paths
from mmseg_aux_hrnet.maps.predict.parts import finish_parts, predict_part
from mmseg_aux_hrnet.maps.predict.settings import MapSettings
from mmseg_aux_hrnet.maps.predict.sharing import Part

SETTINGS = MapSettings(probabilities='uint8', batch_size=2)
CALLS = {name: getattr(os, name) for name in ('replace', 'link')}  # by which files get their names


def run(number, rasters, out):
    """Predict part ``number`` of two and print how many windows that took."""
    model = StubModel(shifted=True)
    failed, _ = predict_part(
        model, rasters, map_paths(rasters, out), part=Part(number, 2), settings=SETTINGS, listener=Heard()
    )
    assert not failed, failed


def finish(rasters, out, at):
    """Put the maps together and print what is missing and what is left in the folder."""
    done = finish_parts(StubModel(shifted=True), rasters, map_paths(rasters, out), settings=SETTINGS, listener=Heard())
    left = sorted(path.name for path in out.iterdir() if path.suffix not in ('.tif', '.json', '.qml', '.xml'))
    print(json.dumps({'at': at, 'out': str(out), 'done': [*map(len, done)], 'left': left}), flush=True)


def killing(work, *, at, after):
    """Let the work be killed before or after its ``at``-th file gets its name."""
    placed = itertools.count()

    def name_file(call, source, target):
        number = next(placed)
        if number == at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        CALLS[call](source, target)
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    for call in CALLS:
        setattr(os, call, partial(name_file, call))
    work()


def together(works):
    """Do all works at the same time, each in a process of its own."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            except Exception:
                traceback.print_exc()  # the process ends before Python would say it
            finally:
                os._exit(code)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def main(folder, rasters):
    """Kill part 2 at one file after the other until it ends by itself; then run every part three times at once."""
    for turn in itertools.count():
        at, after = divmod(turn, 2)
        out = folder / f'{at}_{after}'
        ended = in_child(partial(killing, partial(run, 2, rasters, out), at=at, after=bool(after)))
        for number in (1, 2):
            in_child(partial(run, number, rasters, out))
        in_child(partial(finish, rasters, out, at))
        if ended != signal.SIGKILL:
            break
    for turn in range(3):
        out = folder / f'together_{turn}'
        together([partial(run, number, rasters, out) for number in (1, 2, 1, 2, 1, 2)])
        in_child(partial(finish, rasters, out, -1))


if __name__ == '__main__':
    main(Path(sys.argv[1]), [*map(Path, sys.argv[2:])])
