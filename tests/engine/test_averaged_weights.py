"""Runs whose weights are averaged: what is saved, and what another config makes of it."""

import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_run import Killed, config, run

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run.training_loop import train_runner
from mmseg_aux_hrnet.weights import checkpoint_to_resume, read_checkpoint

pytestmark = pytest.mark.stack


@pytest.fixture
def stopped(tmp_path):
    """The last checkpoint of a run with averaged weights that was killed in its seventh iteration."""
    with pytest.raises(Killed):
        run(tmp_path, end=(7, 'kill'))
    return checkpoint_to_resume('auto', tmp_path)


def start(work_dir, **more):
    settings = config(work_dir)
    hooks = [hook for hook in settings['custom_hooks'] if hook['type'] != 'EMAHook']
    runner = Runner.from_cfg(Config({**settings, 'custom_hooks': hooks, **more}))
    train_runner(runner)
    return runner


def test_a_run_that_averages_is_not_resumed_without(stopped, tmp_path):
    with pytest.raises(ConfigError, match=r'averaged its weights \(EMAHook\), and this config does not: resume with'):
        start(tmp_path, resume=True, load_from=str(stopped))


def test_another_run_may_start_from_averaged_weights(stopped, tmp_path):
    start(tmp_path / 'other', load_from=str(stopped))
    assert 'ema_state_dict' not in read_checkpoint(checkpoint_to_resume('auto', tmp_path / 'other'))
