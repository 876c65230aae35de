"""A run that was stopped and resumed ends with the bits of one that was not."""

import os
import signal
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub
from mmengine.runner import IterBasedTrainLoop
from tiny_run import LOADED, Killed, assert_same_bits, end_of, quick_start, run  # noqa: F401
from torch.utils.data import DataLoader

from mmseg_aux_hrnet.engine import ExactResumeHook, InterruptHook
from mmseg_aux_hrnet.engine.hooks import interrupt_hook
from mmseg_aux_hrnet.engine.samplers import ExactInfiniteSampler, ExactSampler
from mmseg_aux_hrnet.engine.samplers.seeded_fetch import SeededFetch
from mmseg_aux_hrnet.errors import TrainingInterrupted

EARLY = [dict(type='EarlyStopHook', monitor='score', rule='greater', patience=9)]


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The ends of runs that nothing stopped, over iterations and over epochs, without workers."""
    folder = tmp_path_factory.mktemp('whole')
    return {epochs: end_of(run(folder / str(epochs), epochs=epochs, custom=EARLY)) for epochs in (False, True)}


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
@pytest.mark.parametrize('end', [(5, 'SIGTERM'), (7, 'SIGINT'), (8, 'SIGUSR1'), (9, 'kill'), (12, 'SIGTERM')])
def test_a_resumed_run_ends_with_the_same_bits(whole, tmp_path, epochs, end):
    with pytest.raises(Killed if end[1] == 'kill' else TrainingInterrupted):
        run(tmp_path, epochs=epochs, end=end, custom=EARLY)
    assert_same_bits(end_of(run(tmp_path, epochs=epochs, custom=EARLY)), whole[epochs])


@pytest.mark.parametrize(('epochs', 'at'), [(False, 5), (True, 6)], ids=['iterations', 'epochs'])
def test_a_signal_in_a_validation_is_no_loss(whole, tmp_path, epochs, at):
    with pytest.raises(TrainingInterrupted, match=f'after iteration {at}'):
        run(tmp_path, epochs=epochs, end=(at, 'validation'), custom=EARLY)
    assert_same_bits(end_of(run(tmp_path, epochs=epochs, custom=EARLY)), whole[epochs])


def test_a_signal_while_processes_agree_counts_after_the_next_iteration(monkeypatch):
    hook, stopped = InterruptHook(), []
    monkeypatch.setattr(interrupt_hook, 'get_world_size', lambda: 2)
    monkeypatch.setattr(interrupt_hook, 'all_reduce', lambda number, op: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(hook, 'stop', lambda runner, done: stopped.append(done))
    runner = SimpleNamespace(iter=4, optim_wrapper=None)
    hook.before_train(runner)
    try:
        hook.after_train_iter(runner, 0)
        assert (hook.received, stopped) == (signal.SIGTERM, [])  # no other process knows of it yet
        runner.iter = 5
        hook.after_train_iter(runner, 1)
    finally:
        hook.release()
    assert stopped == [6]


def test_signals_while_the_hook_stops_change_nothing(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)}
    hook = InterruptHook()
    hook.before_train(SimpleNamespace())
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert hook.received is signal.SIGTERM
    hook.received, put_back = None, signal.signal

    def interrupted(number, handler):
        if number == signal.SIGINT:
            hook._receive(signal.SIGTERM, None)
        return put_back(number, handler)

    monkeypatch.setattr(signal, 'signal', interrupted)
    hook.release()
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
def test_workers_do_not_matter(whole, tmp_path, epochs):
    with pytest.raises(TrainingInterrupted):
        run(tmp_path, epochs=epochs, workers=2, end=(7, 'SIGTERM'), custom=EARLY)
    assert_same_bits(end_of(run(tmp_path, epochs=epochs, workers=1, custom=EARLY)), whole[epochs])


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
def test_nothing_that_was_trained_on_is_loaded_again(tmp_path, epochs):
    run(tmp_path / 'whole', epochs=epochs)
    everything = list(LOADED)
    with pytest.raises(TrainingInterrupted):
        run(tmp_path / 'cut', epochs=epochs, end=(7, 'SIGTERM'))
    run(tmp_path / 'cut', epochs=epochs)
    assert len(everything) == 36
    assert LOADED == everything[21:]


def test_a_longer_run_has_the_schedule_of_one_that_was_long_from_the_start(tmp_path):
    run(tmp_path / 'cut', length=8)
    run(tmp_path / 'cut', length=15)
    run(tmp_path / 'long', length=15)
    cut, long = end_of(tmp_path / 'cut'), end_of(tmp_path / 'long')
    assert cut['history']['train/lr'][8:] == long['history']['train/lr'][8:]
    assert_same_bits(cut['param_schedulers'], long['param_schedulers'])
    assert cut['history']['train/lr'][:8] != long['history']['train/lr'][:8]  # the first part had the short schedule


@pytest.mark.parametrize(('sampler', 'start'), [(ExactSampler, 'start_at'), (ExactInfiniteSampler, 'skip')])
def test_a_sampler_starts_anywhere_in_mmengines_order(sampler, start):
    drawn = [iter(sampler(Numbers(), seed=5)) for _ in range(2)]
    moved = sampler(Numbers(), seed=5)
    getattr(moved, start)(4)
    first = [next(drawn[0]) for _ in range(7)]
    assert first == [next(iter_) for iter_ in [iter(sampler.__bases__[-1](Numbers(), seed=5))] for _ in range(7)]
    rest = [draw for draw, _ in zip(moved, range(3), strict=False)]
    assert [(int(draw), draw.position) for draw in rest] == [(int(draw), draw.position) for draw in first[4:]]
    assert [draw.position for draw in first] == list(range(7))


def test_mmengine_that_loads_what_came_before_gets_nothing_for_it():
    loader = DataLoader(Numbers(), batch_size=2, sampler=ExactInfiniteSampler(Numbers(), shuffle=False, seed=5))
    loop = object.__new__(IterBasedTrainLoop)
    loop.dataloader, loop.dataloader_iterator, loop._iter = loader, iter(loader), 3
    hub = MessageHub.get_instance('skipping')
    runner = SimpleNamespace(train_loop=loop, val_loop=None, seed=5, _randomness_cfg={}, iter=3, message_hub=hub)
    ExactResumeHook().before_train(runner)
    LOADED.clear()
    assert [next(loop.dataloader_iterator) for _ in range(3)] == [None] * 3
    assert LOADED == []
    assert [next(loop.dataloader_iterator).tolist() for _ in range(2)] == [[6, 7], [8, 0]]


@pytest.mark.parametrize('skip', [False, True])
def test_an_index_beyond_the_data_set_is_an_error(skip):
    fetch = SeededFetch([0, 1, 2], on_bad_sample='skip' if skip else 'stop')
    assert fetch([2]) == [2]
    with pytest.raises(IndexError):
        fetch([3])


class Numbers:
    def __getitem__(self, index):
        LOADED.append(int(index))
        return int(index)

    def __len__(self):
        return 9
