"""Trains a few iterations in a process of its own and prints what they took; run by training_run.py.

Usage: python benchmarks/training_process.py CONFIG --who mmseg|here --started SECONDS
"""

import argparse
import contextlib
import io
import json
import time
import warnings
from typing import Any

from results import OURS, STOCK
from turns import loads_this_package, peak_memory


def main() -> None:
    """Train as the config says and print times and memory as one line of JSON."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument('config')
    line.add_argument('--who', required=True, choices=(STOCK, OURS))
    line.add_argument('--started', type=float, required=True, help='when this process was started, seconds of the day')
    args = line.parse_args()
    warnings.simplefilter('ignore')
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ends, busy = train(args.config, ours=args.who == OURS)
    since = [end - args.started for end in ends]
    print(json.dumps({'ends': since, 'busy': busy, 'mb': peak_memory(), 'ours': loads_this_package()}))


def train(path: str, *, ours: bool) -> tuple[list[float], list[float]]:
    """Return when each iteration ended, seconds of the day, and how much CPU time the process had taken by then."""
    if ours:
        import mmseg_aux_hrnet  # noqa: F401  # as its tools do, before anything else
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    ends: list[float] = []
    busy: list[float] = []

    class Recorder(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            ends.append(time.time())
            busy.append(time.process_time())

    config = Config.fromfile(path)
    if ours:
        from mmseg_aux_hrnet.models import speed
        from mmseg_aux_hrnet.run import training_config
        from mmseg_aux_hrnet.run.training_loop import train_runner

        training_config.set_speed(config, speed.DEFAULT)
    runner = Runner.from_cfg(config)
    runner.register_hook(Recorder(), priority='VERY_HIGH')
    if ours:
        speed.apply(runner.model, training=True)
        train_runner(runner)
    else:
        runner.train()
    return ends, busy


if __name__ == '__main__':
    main()
