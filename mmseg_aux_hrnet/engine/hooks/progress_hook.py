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
NAMES = {'train': 'training', 'val': 'validation', 'test': 'testing'}


@HOOKS.register_module()
class ProgressHook(Hook):
    """Keep a bar with the time that is left below the log lines.

    Nothing is drawn where the output is not a terminal, such as a file or a batch system's log, nor with several
    processes: there mmengine's log lines, which carry the remaining time too, are all there is.
    """

    priority = 'VERY_LOW'  # after the hooks that take time

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._streams: list[tuple[logging.StreamHandler[Any], Any]] = []

    def before_train(self, runner: Any) -> None:
        """Draw the bar of training, over all of its epochs."""
        self._start(runner, 'train', total=runner.max_iters, done=runner.iter)

    def after_train(self, runner: Any) -> None:
        """Remove the bar of training."""
        self._stop()

    def before_val_epoch(self, runner: Any) -> None:
        """Draw the bar of a validation."""
        self._start(runner, 'val', total=len(runner.val_dataloader))

    def before_test_epoch(self, runner: Any) -> None:
        """Draw the bar of a test."""
        self._start(runner, 'test', total=len(runner.test_dataloader))

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Remove the bar of a validation."""
        self._end('val')

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Remove the bar of a test."""
        self._end('test')

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Move the bar of training."""
        self._advance('train')

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Move the bar of a validation."""
        self._advance('val')

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Move the bar of a test."""
        self._advance('test')

    def _end(self, mode: str) -> None:
        if self._bars is not None and mode in self._tasks:
            self._bars.remove_task(self._tasks.pop(mode))
            if not self._tasks:
                self._stop()

    def _advance(self, mode: str) -> None:
        if self._bars is not None and mode in self._tasks:
            self._bars.advance(self._tasks[mode])

    def _start(self, runner: Any, mode: str, *, total: int, done: int = 0) -> None:
        if self._bars is None:
            console = Console()
            if not console.is_terminal or is_distributed():
                return
            self._bars = Progress(
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
            self._bars.start()
            atexit.register(self._stop)  # an error must not leave a terminal without a cursor
            # rich stands before ``sys.stdout`` now, and puts lines above the bar. The logger opened the stream earlier
            # and would write into the bar.
            for handler in runner.logger.handlers:
                if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                    self._streams.append((handler, handler.stream))
                    handler.setStream(sys.stdout)
        self._tasks[mode] = self._bars.add_task(NAMES[mode], total=total, completed=done)

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            atexit.unregister(self._stop)
        self._tasks.clear()
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()
