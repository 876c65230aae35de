"""Lets works take turns: what else the machine does hits all of them alike, so that their ratios hold."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
LONGEST = 900  # seconds that another process may take


class Summary(NamedTuple):
    """Median, lowest and highest of some values."""

    median: float
    low: float
    high: float


class Clock(NamedTuple):
    """What time is read from, seconds, and the unit of the milliseconds that come of it."""

    read: Callable[[], float]
    unit: str

    def milliseconds(self, work: Callable[[], Any]) -> float:
        """Return how long a work takes."""
        start = self.read()
        work()
        return 1000 * (self.read() - start)


WALL = Clock(time.perf_counter, 'ms')
CPU = Clock(time.process_time, 'CPU ms')


def clock_for(threads: int) -> Clock:
    """Return the clock for works of some threads.

    The processor's time of one thread is the same whatever else a machine does; of several, that wait for each other,
    it says little.
    """
    return CPU if threads == 1 else WALL


def in_turns(
    works: Mapping[str, Callable[[], Any]], *, rounds: int, clock: Clock = WALL, warm_up: int = 1
) -> dict[str, list[float]]:
    """Return the milliseconds that each work took in every round; see :func:`timed_in_turns`."""
    timers = {name: partial(clock.milliseconds, work) for name, work in works.items()}
    return timed_in_turns(timers, rounds=rounds, warm_up=warm_up)


def timed_in_turns(
    timers: Mapping[str, Callable[[], float]], *, rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Return what each timer returned in every round.

    Args:
        timers: what does a work and returns its time, for each name.
        rounds: that count.
        warm_up: rounds before, that do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(warm_up + rounds):
        for name, timer in timers.items():
            times[name].append(timer())
    return {name: record[warm_up:] for name, record in times.items()}


def fresh_in_turns(
    arguments: Mapping[str, Sequence[str]], *, rounds: int, threads: int
) -> dict[str, list[dict[str, Any]]]:
    """Return what Python processes printed as their last line, JSON, in every round.

    Args:
        arguments: what follows ``python``, for each name.
        rounds: processes for each name.
        threads: that a process may use.
    """
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments}
    for _ in range(rounds):
        for name, words in arguments.items():
            answers[name].append(fresh(words, threads=threads))
    return answers


def fresh(arguments: Sequence[str], *, threads: int) -> dict[str, Any]:
    """Run ``python ARGUMENTS`` and return its last line, JSON, and ``cpu_s``, seconds of all its processes.

    Raises:
        RuntimeError: it failed; with its last line.
    """
    environment = surroundings() | {'OMP_NUM_THREADS': str(threads)}
    before = os.times()
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, encoding='utf-8', env=environment, timeout=LONGEST
    )
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f'python {" ".join(arguments)}: {lines[-1] if lines else "no message"}')
    return {**json.loads(done.stdout.strip().splitlines()[-1]), 'cpu_s': spent}


def surroundings() -> dict[str, str]:
    """Return the environment of a process that finds this package, even if it is not installed, and these scripts."""
    given = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE.parent), str(HERE), *filter(None, given)])}


def loads_this_package() -> bool:
    """Say whether this process has imported the package, which one of mmseg alone must not."""
    return 'mmseg_aux_hrnet' in sys.modules


def summary(values: Sequence[float]) -> Summary:
    """Return median, lowest and highest."""
    return Summary(statistics.median(values), min(values), max(values))


def ratio(values: Sequence[float], reference: Sequence[float], *, more_is_better: bool) -> float:
    """Return how many times better ``values`` are than ``reference``: the median over the rounds of both."""
    pairs = zip(values, reference, strict=True)
    return statistics.median(mine / other if more_is_better else other / mine for mine, other in pairs)


def peak_memory() -> float | None:
    """Return the most memory that this process has held, MB; None where the system does not tell (Windows)."""
    status = Path('/proc/self/status')
    if status.is_file():  # what getrusage says there includes the process that started this one
        [line] = [line for line in status.read_text(encoding='utf-8').splitlines() if line.startswith('VmHWM')]
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
