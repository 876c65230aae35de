"""Saves checkpoints so that a complete one exists and is named at any moment."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import mmseg
import torch
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import IterBasedTrainLoop
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.files.whole import PART, write_whole
from mmseg_aux_hrnet.version import __version__

LAST = 'last_checkpoint'
VALIDATED_KEY = 'last_validated_at'  # in the message hub: the iteration or epoch of the last validation
WHOLE = {'backend': 'mmseg_aux_hrnet.whole'}
VERSIONS = {
    'mmseg_version': mmseg.__version__,
    'mmseg_aux_hrnet_version': __version__,
    'torch_version': str(torch.__version__),
}
NOTES = ('keep_ckpt_ids', 'last_ckpt', 'best_ckpt', 'best_score')  # what mmengine's hook notes in the message hub


@register_backend(WHOLE['backend'], force=True)
class WholeFileBackend(LocalBackend):
    """mmengine's local files, written beside and renamed."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write bytes to a file, all of them or none."""
        write_whole(filepath, bytes(obj))


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` in an order that a stop at any moment does no harm to.

    A file is written beside and renamed, then named in ``last_checkpoint``, and only then older ones are deleted, so
    that for a moment one more than ``max_keep_ckpts`` is there.

    Args:
        on_write_error: 'continue' trains on without the checkpoint and raises only if the last one of the run is
            missing too; 'stop' raises at once. The older checkpoints stay in both cases.
        **kwargs: as in mmengine.

    Raises (while training):
        CheckpointError: a checkpoint could not be written.
    """

    def __init__(self, *, on_write_error: Literal['continue', 'stop'] = 'continue', **kwargs: Any) -> None:
        if on_write_error not in ('continue', 'stop'):
            raise ConfigError(f"on_write_error={on_write_error!r} is unknown: use 'continue' or 'stop'")
        super().__init__(**{'backend_args': dict(WHOLE), **kwargs})
        self.on_write_error = on_write_error
        self.keep_ckpt_ids: deque[int] = deque()
        self._fault: str | None = None

    def before_train(self, runner: Any) -> None:
        """Take up the notes of the run that is resumed, and remove what a cut-off write left."""
        super().before_train(runner)
        # mmengine saves again after a best checkpoint only if it knows a last one, and it forgets it on resume.
        self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')
        if is_main_process():
            for part in Path(self.out_dir).glob(f'*.pth{PART}'):
                part.unlink()

    def after_val_epoch(self, runner: Any, metrics: dict[str, float]) -> None:
        """Note that this place of the run is validated, then save the best checkpoint."""
        runner.message_hub.update_info(VALIDATED_KEY, place(runner))
        super().after_val_epoch(runner, metrics)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Note the versions that trained it, mmengine notes its own, and how the model fills up sizes."""
        checkpoint['meta'] |= VERSIONS
        divisor = getattr(getattr(runner.model, 'module', runner.model), 'size_divisor', None)
        if divisor is not None:  # None: a tool of mmseg trains a segmentor of mmseg
            checkpoint['meta']['size_divisor'] = divisor

    def after_train(self, runner: Any) -> None:
        """Save where training stopped early.

        Raises:
            CheckpointError: the last checkpoint of the run could not be written.
        """
        step = runner.epoch if self.by_epoch else runner.iter
        if runner.train_loop.stop_training:
            self._save_checkpoint_with_step(runner, step, {'epoch': runner.epoch, 'iter': runner.iter})
        if self._fault is not None:
            raise CheckpointError(self._fault)
        super().after_train(runner)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict[str, Any]) -> None:
        """Write, name, delete; mmengine deletes before it writes."""
        with self._undo_on_failure(runner, iteration=meta['iter']):
            # The same step comes twice where a best checkpoint follows: mmengine saves again, to note it.
            steps = [*(old for old in self.keep_ckpt_ids if old != step), step]
            names = [self.filename_tmpl.format(each) for each in steps]
            paths = [str(self.file_backend.join_path(self.out_dir, name)) for name in names]
            too_many = []
            if self.max_keep_ckpts > 0:
                too_many = paths[: -self.max_keep_ckpts]
                self.keep_ckpt_ids = deque(steps, self.max_keep_ckpts)  # the newest of them
                runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
            self.last_ckpt = paths[-1]
            runner.message_hub.update_info('last_ckpt', self.last_ckpt)
            runner.save_checkpoint(
                self.out_dir,
                names[-1],
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
            name_last(runner, self.last_ckpt)
            _remove(too_many)
            self._fault = None

    def _save_best_checkpoint(self, runner: Any, metrics: dict[str, float]) -> None:
        """Save the best checkpoint, then delete the one that was best before; mmengine deletes first."""
        if not self.save_best:
            return
        with self._undo_on_failure(runner, iteration=runner.iter):
            before = self._best_paths()
            self._set_best_paths(dict.fromkeys(before))  # mmengine deletes what it finds here
            super()._save_best_checkpoint(runner, metrics)
            after = {key: path or before[key] for key, path in self._best_paths().items()}
            self._set_best_paths(after)
            _remove([path for path in before.values() if path is not None and path not in after.values()])

    def _best_paths(self) -> dict[str, str | None]:
        # The only figure may be 'auto' before the first validation and have a name after it, so it needs none here.
        return {'': self.best_ckpt_path} if len(self.key_indicators) == 1 else dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = paths

    @contextmanager
    def _undo_on_failure(self, runner: Any, *, iteration: int) -> Iterator[None]:
        """Take back every note about a checkpoint that could not be written."""
        hub = runner.message_hub
        notes = {key: value for key, value in hub.runtime_info.items() if key.startswith(NOTES)}
        own = {key: getattr(self, key) for key in ('keep_ckpt_ids', 'last_ckpt') if hasattr(self, key)}
        best = self._best_paths() if self.save_best else None
        try:
            yield
        except OSError as error:
            # A note that stays would name a file that is not there, and the next run would resume from it.
            for key in [key for key in hub.runtime_info if key.startswith(NOTES)]:
                hub.pop_info(key)
            for key, value in notes.items():
                hub.update_info(key, value)
            self.__dict__.update(own)
            if best is not None:
                self._set_best_paths(best)
            self._fault = (
                f'the checkpoint of iteration {iteration} could not be written to {self.out_dir} '
                f'({error.strerror or error}); the last whole one: {self.last_ckpt or "none was written yet"}; '
                'make room there'
            )
            if self.on_write_error == 'stop':
                raise CheckpointError(f'{self._fault}, then continue with --resume') from error
            runner.logger.error(f'{self._fault}; training continues')


def _remove(paths: list[str]) -> None:
    if is_main_process():
        for path in paths:
            Path(path).unlink(missing_ok=True)


def place(runner: Any) -> int:
    """Return where validations are counted: the iteration of a loop over iterations, the epoch of one over epochs."""
    return int(runner.iter if isinstance(runner.train_loop, IterBasedTrainLoop) else runner.epoch)


def name_last(runner: Any, checkpoint: str) -> None:
    """Name a whole checkpoint as the one to resume from."""
    if is_main_process():
        write_whole(Path(runner.work_dir) / LAST, checkpoint.encode())
