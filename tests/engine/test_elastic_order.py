"""The order of the data depends on the seed and the place in the run, not on the number of processes."""

import os
import subprocess
import sys
from itertools import islice

import pytest
from elastic_run import GLOBAL_BATCH, LENGTH, seen, train
from mmengine.config import Config
from tiny_run import quick_start  # noqa: F401
from tool_support import REPO

from mmseg_aux_hrnet.engine.samplers import ExactInfiniteSampler, ExactSampler
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run import launch, training_config
from mmseg_aux_hrnet.run.training_config import set_global_batch


@pytest.fixture(autouse=True)
def meeting(monkeypatch):
    """Put back afterwards what trainings here replace: without it, later tests of this process meet nobody."""
    monkeypatch.setattr(launch, '_join', launch._join)


class Numbers(list):
    """A data set that takes attributes."""


def share(kind, *, rank, processes, images, **settings):
    """Return the sampler of one of several processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (rank, processes))
        return kind(Numbers(range(images)), seed=3, **settings)


def draws(samplers, each):
    """Return place and index of what the processes together draw, ``each`` of them, as a set."""
    return {(draw.position, int(draw)) for sampler in samplers for draw in islice(iter(sampler), each)}


@pytest.mark.parametrize('processes', [2, 4])
def test_processes_share_the_batches_of_one(processes):
    for first in (0, 4, 12):
        shares = [share(ExactInfiniteSampler, rank=rank, processes=processes, images=7) for rank in range(processes)]
        alone = share(ExactInfiniteSampler, rank=0, processes=1, images=7)
        for sampler, skipped in [*((each, first // processes) for each in shares), (alone, first)]:
            sampler.skip(skipped)
        assert draws(shares, 4 // processes) == draws([alone], 4)
        assert min(draws([alone], 1))[0] == 0  # a second iterator begins anew


@pytest.mark.parametrize('processes', [2, 4])
@pytest.mark.parametrize(('drop_last', 'length'), [(False, 12), (True, 8)])
def test_epochs_are_whole_batches_in_any_number_of_processes(processes, drop_last, length):
    given = dict(images=10, global_batch=4, drop_last=drop_last)
    shares = [share(ExactSampler, rank=rank, processes=processes, **given) for rank in range(processes)]
    alone = share(ExactSampler, rank=0, processes=1, **given)
    for epoch in (0, 1):
        for sampler in (*shares, alone):
            sampler.set_epoch(epoch)
        expected = draws([alone], None)
        assert draws(shares, None) == expected
        assert sorted(position for position, _ in expected) == list(range(epoch * length, (epoch + 1) * length))
    assert ([len(each) for each in shares], len(alone)) == ([length // processes] * processes, length)
    assert {index for _, index in expected} == set(range(10)) or drop_last


def test_an_epoch_without_a_batch_is_refused():
    with pytest.raises(ConfigError, match='3 training images fill no batch of 4.*--global-batch of 3 at most'):
        share(ExactSampler, rank=0, processes=1, images=3, global_batch=4, drop_last=True)


def settings(**loader):
    return Config(dict(train_dataloader=dict(batch_size=3, sampler=dict(type='ExactSampler'), **loader)))


@pytest.mark.parametrize(('given', 'expected'), [(None, (3, 12)), (8, (2, 8))])
def test_the_global_batch_is_shared_out(monkeypatch, given, expected):
    monkeypatch.setattr(training_config, 'get_world_size', lambda: 4)
    config = settings(drop_last=True)
    set_global_batch(config, given)
    sampler = dict(type='ExactSampler', global_batch=expected[1], drop_last=True)
    assert config.train_dataloader == dict(batch_size=expected[0], sampler=sampler, drop_last=True)


@pytest.mark.parametrize('given', [6, 0, -4])
def test_a_global_batch_that_cannot_be_shared_out_is_refused(monkeypatch, given):
    monkeypatch.setattr(training_config, 'get_world_size', lambda: 4)
    with pytest.raises(ConfigError, match=f'--global-batch {given} for 4 process.*: give a multiple of 4'):
        set_global_batch(settings(), given)


def test_a_config_that_makes_batches_itself_takes_no_global_batch():
    with pytest.raises(ConfigError, match='--global-batch 8: train_dataloader.batch_sampler of this config'):
        set_global_batch(settings(batch_sampler=dict(type='Own')), 8)


def resumed(folder, **given):
    """Train a run to its third iteration, then on with another global batch."""
    train(folder, end=3, **given)
    train(folder, global_batch=4, **given)


def test_another_global_batch_goes_on_after_what_was_seen(tmp_path):
    resumed(tmp_path, epochs=False)
    batches = seen(tmp_path)
    assert [len(batches[iteration]) for iteration in range(1, LENGTH + 1)] == [8, 8, 8, 4, 4, 4, 4, 4]
    train(tmp_path / 'whole', epochs=False)
    whole = seen(tmp_path / 'whole')
    assert sorted(batches[4] + batches[5]) == whole[4]
    assert sorted(batches[6] + batches[7]) == whole[5]


def test_epochs_of_another_length_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='had batches of 8 images .* has 4, .*: resume with --global-batch 8'):
        resumed(tmp_path, epochs=True)


@pytest.mark.slow  # six processes that import everything
def test_one_two_and_four_processes_see_the_same_batches(tmp_path):
    """A run of one process to iteration 3, of two to iteration 5 and of four to the end, against one of one."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(REPO), str(REPO / 'tests')])}
    script = [str(REPO / 'tests/elastic_run.py'), str(tmp_path / 'cut')]
    for epochs in (False, True):
        train(tmp_path / 'whole' / str(epochs), epochs=epochs)
        train(tmp_path / 'cut' / str(epochs), epochs=epochs, end=3)
    for processes, end in ((2, 5), (4, LENGTH)):
        command = [sys.executable, str(REPO / 'tools/dist_run.py'), str(processes), *script, str(end)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]
    for epochs in ('False', 'True'):
        expected = seen(tmp_path / 'whole' / epochs)
        assert seen(tmp_path / 'cut' / epochs) == expected
        assert [len(expected[iteration]) for iteration in range(1, LENGTH + 1)] == [GLOBAL_BATCH] * LENGTH
        files = (tmp_path / 'cut' / epochs / 'batches').iterdir()
        assert len(list(files)) == 3 * 1 + 2 * 2 + 3 * 4
