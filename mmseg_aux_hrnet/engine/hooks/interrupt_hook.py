"""Saves a checkpoint when a signal ends a job, and says how to continue."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, barrier, get_world_size
from mmengine.hooks import EMAHook, Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import LAST, WHOLE, name_last
from mmseg_aux_hrnet.engine.private_names import accumulated_iterations
from mmseg_aux_hrnet.errors import TrainingInterrupted

SIGNALS = ('SIGINT', 'SIGTERM', 'SIGUSR1')  # Ctrl-C; scancel, docker stop; SLURM's warning before the time limit
FILE = 'interrupted.pth'
TORCHRUN = '--launcher=pytorch'  # as tools/dist_run.py puts it


@HOOKS.register_module()
class InterruptHook(Hook):
    """On Ctrl-C, SIGTERM or SIGUSR1 finish the iteration, save ``interrupted.pth`` and stop.

    A second Ctrl-C stops at once. Several processes stop after the same iteration, and not in the middle of a
    validation. With accumulated gradients, which no checkpoint holds, the iteration that uses them up is waited for.

    Raises (while training):
        TrainingInterrupted: a signal came, and the checkpoint is saved.
    """

    priority = 'LOWEST'  # saves what the other hooks did in the iteration

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._validating = False
        self._former_handlers: dict[int, Any] = {}

    def before_train(self, runner: Any) -> None:
        """Listen."""
        if threading.current_thread() is not threading.main_thread():
            return  # Python lets only the main thread set handlers; a notebook may train in another one
        for name in SIGNALS:
            if hasattr(signal, name):  # Windows has no SIGUSR1
                number = getattr(signal, name)
                self._former_handlers[number] = signal.signal(number, self._receive)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stop where a signal came."""
        if get_world_size() > 1:
            # A scheduler may signal some processes only; one that stops alone would leave the others waiting for it.
            number = torch.tensor(int(self.received or 0))
            all_reduce(number, op='max')
            agreed = signal.Signals(int(number)) if number else None
            if agreed is not None:  # else a signal that came meanwhile would be forgotten: it counts next time
                self.received = agreed
        else:
            agreed = self.received
        done = int(runner.iter) + 1
        if agreed is not None and done % accumulated_iterations(runner) == 0:
            self.stop(runner, done=done)

    def before_val_epoch(self, runner: Any) -> None:
        """Note where the run is."""
        self._validating = True

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stop where a signal came; the validation starts again on resume."""
        # Several processes may have different numbers of batches, so they cannot agree inside a validation.
        if get_world_size() == 1 and self.received is not None:
            self.stop(runner, done=runner.iter)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Note where the run is."""
        self._validating = False

    def after_train(self, runner: Any) -> None:
        """Stop listening, and delete a checkpoint that newer ones replace."""
        self.release()
        last = Path(runner.work_dir) / LAST
        if last.is_file() and Path(last.read_text()).name != FILE:
            (last.parent / FILE).unlink(missing_ok=True)

    def release(self) -> None:
        """Put back the handlers that were there before."""
        while self._former_handlers:  # not a loop over them: a signal that comes meanwhile adds one
            signal.signal(*self._former_handlers.popitem())

    def stop(self, runner: Any, *, done: int) -> None:
        """Save after ``done`` iterations and raise.

        Raises:
            TrainingInterrupted: always.
            OSError: the checkpoint cannot be written.
        """
        assert self.received is not None
        if self._validating:
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    hook.after_val_epoch(runner)  # puts the trained weights back in place of their mean
        path = os.path.join(runner.work_dir, FILE)
        runner.message_hub.update_info('last_ckpt', path)
        meta = {'epoch': runner.epoch, 'iter': done}
        runner.save_checkpoint(runner.work_dir, FILE, meta=meta, by_epoch=False, backend_args=dict(WHOLE))
        name_last(runner, path)
        barrier()  # process 0 saves, and must not be ended by the others' way out
        self.release()
        raise TrainingInterrupted(
            f'stopped by {self.received.name} after iteration {done}; saved {path}; '
            f'continue with: {command_to_resume(sys.argv)}',
            signal_number=self.received,
        )

    def _receive(self, number: int, frame: Any) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        # The first one stays: processes that agreed on it would else say different things.
        self.received = self.received or signal.Signals(number)
        if hasattr(signal, 'SIGCHLD'):
            # A signal to the whole group ends the workers too, and torch would raise for that in the middle of a step.
            self._former_handlers.setdefault(signal.SIGCHLD, signal.signal(signal.SIGCHLD, signal.SIG_DFL))


def command_to_resume(argv: Sequence[str]) -> str:
    """Return the command line that goes on where the one of ``argv``, script and arguments, stopped."""
    words = list(argv)
    if '--resume' in words:
        at = words.index('--resume')
        has_file = at + 1 < len(words) and not words[at + 1].startswith('-')
        del words[at : at + 1 + has_file]
    if TORCHRUN in words:  # each process has the command that torchrun gave it, not the one that somebody typed
        words.remove(TORCHRUN)
        launcher = Path(words[0]).with_name('dist_run.py').as_posix()
        words = [launcher, os.environ['LOCAL_WORLD_SIZE'], *words]
    return shlex.join([*(['python'] if words[0].endswith('.py') else []), *words, '--resume'])
