"""Runs tools/train.py in the processes of torchrun; one is killed once, as the kernel does for want of memory."""

import os
import sys
from pathlib import Path

from mmengine.runner import IterBasedTrainLoop
from tool_support import run_here

RUN_ITER = IterBasedTrainLoop.run_iter


def run_iter(loop, batch):
    """Train one iteration, or die in the fourth of process 1."""
    mark = Path(loop.runner.work_dir) / 'killed'
    if os.environ['RANK'] == '1' and loop.iter == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    RUN_ITER(loop, batch)


if __name__ == '__main__':
    IterBasedTrainLoop.run_iter = run_iter
    sys.exit(run_here('train', *sys.argv[1:]))
