"""Trains the tiny network and notes what each process sees in each iteration; also a script for torchrun.

Usage: python tools/dist_run.py 2 tests/elastic_run.py FOLDER ITERATION, which stops after that iteration.
"""

import json
import sys
from argparse import Namespace
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from tiny_run import config

from mmseg_aux_hrnet.errors import TrainingInterrupted
from mmseg_aux_hrnet.run import launch
from mmseg_aux_hrnet.run.command import run_tool
from mmseg_aux_hrnet.run.training_config import set_global_batch
from mmseg_aux_hrnet.run.training_loop import train_runner
from mmseg_aux_hrnet.weights import checkpoint_to_resume

GLOBAL_BATCH, LENGTH = 8, 8  # images, iterations: 4 epochs of 10 images, filled up


@HOOKS.register_module()
class NoteBatches(Hook):
    """Writes which samples this process got in an iteration, and how they were augmented."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        pairs = zip(data_batch['data_samples'], data_batch['inputs'], strict=True)
        seen = [[sample.img_path, values.tolist()] for sample, values in pairs]
        self.folder.mkdir(exist_ok=True)
        (self.folder / f'{runner.iter + 1}_{get_rank()}.json').write_text(json.dumps(seen))


def train(folder, *, epochs, launcher='none', end=None, global_batch=GLOBAL_BATCH):
    """Train on from the last checkpoint of the folder, and stop after iteration ``end`` where one is given."""
    last = checkpoint_to_resume('auto', folder)
    resume = {} if last is None else dict(resume=True, load_from=str(last))
    notes = dict(type='NoteBatches', folder=str(folder / 'batches'))
    stop = None if end is None else (end, 'SIGTERM')
    settings = Config({**config(folder, epochs=epochs, length=LENGTH, end=stop, custom=[notes]), **resume})
    settings.train_dataloader.drop_last = False
    launch.join_processes(settings, launcher)
    launch._join = lambda *given: None  # they meet once
    set_global_batch(settings, global_batch)
    try:
        train_runner(Runner.from_cfg(settings))
    except TrainingInterrupted:
        assert end is not None


def seen(folder):
    """Return what all processes together got in each iteration, in no order."""
    batches = {}
    for path in (folder / 'batches').iterdir():
        batches.setdefault(int(path.stem.split('_')[0]), []).extend(json.loads(path.read_text()))
    return {iteration: sorted(samples) for iteration, samples in batches.items()}


def work(args):
    for epochs in (False, True):
        train(Path(args.folder, str(epochs)), epochs=epochs, launcher='pytorch', end=int(args.end))
    return 'trained'


if __name__ == '__main__':
    Runner._log_env, Config.pretty_text = (lambda self, env_cfg: None), ''
    init_default_scope('mmseg')
    sys.exit(run_tool(work, Namespace(folder=sys.argv[1], end=sys.argv[2])))
