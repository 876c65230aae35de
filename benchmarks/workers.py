"""Contenders in processes of their own, started once, which keep their networks and wait for their turns.

What one of them sets for its whole process, such as how memory is given back, so holds for it alone.
"""

import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import torch
from results import under_way
from turns import LONGEST, Clock, timed_in_turns

LAST_WORDS = 10  # seconds that an end may take
PAUSE = 0.05  # seconds before a turn, in which the threads of the one before cease to look for more to do
THREADS = 'OMP_NUM_THREADS'


class Contender(Protocol):
    """What a worker builds and keeps."""

    def prepare(self, *given: Any) -> Any:
        """Get ready for a work, do it once, and return what must be equal to that of others."""

    def run(self) -> Any:
        """Do the work once."""


class Worker:
    """A process with one contender, which it starts to build at once.

    Args:
        name: for messages.
        build: what returns the contender, sent to the process.
        threads: that it may use.
        log: the file of all that the process prints.
    """

    def __init__(self, name: str, build: Callable[[], Any], *, threads: int, log: Path) -> None:
        context = multiprocessing.get_context('spawn')
        self.name, self.log = name, log
        log.touch()
        self._connection, theirs = context.Pipe()
        given = (theirs, build, threads, log)
        self._process = context.Process(target=_serve, args=given, daemon=True)
        with _environment(THREADS, str(threads)):  # read when a process loads OpenMP
            self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def prepare(self, *given: Any) -> Any:
        """Return what the contender's ``prepare`` returns."""
        return self._ask(_prepare, *given)

    def time(self, clock: Clock) -> float:
        """Return the milliseconds that the contender's ``run`` takes."""
        time.sleep(PAUSE)
        return float(self._ask(_time, clock))

    def loads(self, module: str) -> bool:
        """Say whether the process has imported a module."""
        return bool(self._ask(_loads, module))

    def answer(self) -> Any:
        """Return the next answer; the first, None, says that the contender is built.

        Raises:
            RuntimeError: there is none; with the last line of the process if it has ended.
        """
        try:
            if self._connection.poll(LONGEST):
                return self._connection.recv()
            reason = f'no answer within {LONGEST} s'
        except (EOFError, OSError):
            self._process.join(LAST_WORDS)
            lines = self.log.read_text(encoding='utf-8', errors='replace').strip().splitlines()
            reason = f'ended with exit code {self._process.exitcode}: {lines[-1] if lines else "no message"}'
        raise RuntimeError(f'{self.name}: {reason}')

    def end(self) -> None:
        """End the process, whatever it does."""
        self._connection.close()
        self._process.terminate()
        self._process.join()

    def _ask(self, function: Callable[..., Any], *given: Any) -> Any:
        with contextlib.suppress(OSError):  # it has ended: there is no answer, which says why
            self._connection.send((function, given))
        return self.answer()


@contextlib.contextmanager
def started(builders: Mapping[str, Callable[[], Any]], *, threads: int) -> Iterator[dict[str, Worker]]:
    """Start a process for each contender, wait until all are built, and end them at the end.

    Args:
        builders: what returns each contender, for its name.
        threads: that each may use.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        workers = {}
        for number, (name, build) in enumerate(builders.items()):
            workers[name] = Worker(name, build, threads=threads, log=Path(folder, f'{number}.log'))
            ends.callback(workers[name].end)
        with under_way(f'processes start: {", ".join(workers)}'):
            for worker in workers.values():
                worker.answer()
        yield workers


def workers_in_turns(workers: Mapping[str, Worker], *, rounds: int, clock: Clock) -> dict[str, list[float]]:
    """Return the milliseconds of each worker in every round; one works while the others wait."""
    return timed_in_turns({name: partial(worker.time, clock) for name, worker in workers.items()}, rounds=rounds)


def _serve(connection: Connection, build: Callable[[], Any], threads: int, log: Path) -> None:
    """Do what the parent asks for until the pipe ends; an error ends the process, with its message in the log."""
    with log.open('wb') as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    torch.set_num_threads(threads)
    contender = build()
    connection.send(None)
    while True:
        function, given = connection.recv()
        connection.send(function(contender, *given))


def _prepare(contender: Contender, *given: Any) -> Any:
    return contender.prepare(*given)


def _time(contender: Contender, clock: Clock) -> float:
    return clock.milliseconds(contender.run)


def _loads(_: Contender, module: str) -> bool:
    return module in sys.modules


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
