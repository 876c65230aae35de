"""Shows on a terminal how far training, validation and testing are, and when they will end."""

import atexit
import logging
import sys
from typing import Any

from mmengine.dist import is_distributed
from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

REFRESHES = 2  # in a second


@HOOKS.register_module()
class ProgressHook(Hook):
    """Keep a bar with the time that is left below the log lines.

    Nothing is drawn where the output is no terminal, such as a file or a batch system's log, nor with several
    processes: there mmengine's log lines, which carry the remaining time too, are all there is.
    """

    priority = 'VERY_LOW'  # after the hooks that take time

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._streams: list[tuple[logging.StreamHandler[Any], Any]] = []

    def before_train(self, runner: Any) -> None:
        """Draw the bar of training."""
        self._begin(runner, 'training', total=runner.max_iters, done=runner.iter)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Go on by an iteration."""
        self._advance('training')

    def after_train(self, runner: Any) -> None:
        """Take the bar away."""
        self._end('training')

    def before_val_epoch(self, runner: Any) -> None:
        """Draw the bar of validation."""
        self._begin(runner, 'validation', total=len(runner.val_dataloader))

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Go on by a batch; the figures follow after the last."""
        self._advance('validation')

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Take the bar away."""
        self._end('validation')

    def before_test_epoch(self, runner: Any) -> None:
        """Draw the bar of testing."""
        self._begin(runner, 'testing', total=len(runner.test_dataloader))

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Go on by a batch."""
        self._advance('testing')

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Take the bar away."""
        self._end('testing')

    def _begin(self, runner: Any, name: str, *, total: int, done: int = 0) -> None:
        if self._bars is None:
            console = Console()
            if not console.is_terminal or is_distributed():
                return
            self._bars = _bars(console)
            self._bars.start()
            atexit.register(self._stop)  # an error must not leave a terminal without a cursor
            self._lead_log_around(runner.logger)
        self._tasks[name] = self._bars.add_task(name, total=total, completed=done)

    def _advance(self, name: str) -> None:
        if self._bars is not None and name in self._tasks:
            self._bars.advance(self._tasks[name])

    def _end(self, name: str) -> None:
        if self._bars is not None and name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))
            if not self._tasks:
                self._stop()

    def _lead_log_around(self, logger: logging.Logger) -> None:
        """Let log lines pass above the bar: rich has put itself before ``sys.stdout``, which the logger opened before.

        Without that a line would be written into the bar.
        """
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                self._streams.append((handler, handler.stream))
                handler.setStream(sys.stdout)

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            atexit.unregister(self._stop)
        self._tasks.clear()
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=REFRESHES,
        transient=True,
    )
