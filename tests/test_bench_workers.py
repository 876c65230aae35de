"""Contenders in processes of their own: they sleep until their turn, fail in one line, and end with their parent."""

import importlib
import multiprocessing
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tool_support import REPO

FOLDER = REPO / 'benchmarks'


@pytest.fixture
def module(monkeypatch):
    """Return a function that imports a script of the folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def started(module):
    return partial(module('workers').started, threads=1)


def test_each_process_has_its_threads_and_its_own_modules(module, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    contenders = {'named': partial(SimpleNamespace, prepare=partial(os.getenv, 'OMP_NUM_THREADS'))}
    contenders['counted'] = partial(SimpleNamespace, prepare=torch.get_num_threads)
    with module('workers').started(contenders, threads=2) as workers:
        assert {name: worker.prepare() for name, worker in workers.items()} == {'named': '2', 'counted': 2}
        assert workers['named'].loads('torch')
        assert not workers['named'].loads('mmseg_aux_hrnet')
    assert os.environ['OMP_NUM_THREADS'] == '5'


@pytest.mark.slow  # processes that import torch
def test_one_works_while_the_others_sleep(module, started):
    clock, sleep = module('turns').WALL, 0.2
    contender = partial(SimpleNamespace, prepare=time.process_time)
    builders = {'slow': partial(contender, run=partial(time.sleep, sleep)), 'idle': partial(contender, run=os.getpid)}
    with started(builders) as workers:
        before = workers['idle'].prepare()
        times = module('workers').workers_in_turns(workers, rounds=2, clock=clock)
        assert workers['idle'].prepare() - before < sleep / 4
    assert [len(record) for record in times.values()] == [2, 2]
    assert min(times['slow']) >= 1000 * sleep > 4 * max(times['idle'])


@pytest.mark.slow  # processes that import torch
@pytest.mark.parametrize(
    ('contender', 'message'),
    [
        (partial(int, 'four'), "bad: ended with exit code 1: ValueError: .*'four'"),
        (partial(SimpleNamespace, prepare=partial(int, 'five')), "bad: ended with exit code 1: ValueError: .*'five'"),
        (partial(SimpleNamespace, prepare=partial(os._exit, 3)), 'bad: ended with exit code 3: no message'),
    ],
)
def test_a_process_that_fails_is_one_error_and_ends_the_others(started, contender, message):
    builders = {'good': partial(SimpleNamespace, prepare=os.getpid), 'bad': contender}
    with pytest.raises(RuntimeError, match=message), started(builders) as workers:
        assert all(worker.prepare() for worker in workers.values())
    assert not multiprocessing.active_children()


ORPHAN = """
import os, signal
from functools import partial
from types import SimpleNamespace
from workers import started
with started({'one': partial(SimpleNamespace, prepare=os.getpid)}, threads=1) as workers:
    print(workers['one'].prepare(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow  # processes that import torch
@pytest.mark.skipif(not Path('/proc/self/stat').is_file(), reason='does not tell who runs')
def test_processes_end_with_the_one_that_started_them(module):
    done = subprocess.run([sys.executable, '-c', ORPHAN], env=module('turns').surroundings(), stdout=subprocess.PIPE)
    status, deadline = Path('/proc', done.stdout.decode().strip(), 'stat'), time.monotonic() + 10
    while status.exists() and ') Z ' not in status.read_text():  # dead, but nobody has asked
        assert time.monotonic() < deadline, 'it still runs'
        time.sleep(0.05)


def test_processes_that_are_not_ours_must_not_set_their_speed(module):
    check = module('contenders').check_apart
    loading, other = (SimpleNamespace(loads=lambda module, said=said: said) for said in (True, False))
    check({'mmseg': other, 'here': loading}, ours=['here'])
    for workers in ({'mmseg': loading, 'here': loading}, {'mmseg': other, 'here': other}):
        with pytest.raises(AssertionError, match='is loaded in the processes of'):
            check(workers, ours=['here'])
