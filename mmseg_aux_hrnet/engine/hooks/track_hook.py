"""Tells trackers of experiments what mmengine's logger does not: the best checkpoint, and pictures of validations."""

from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.engine.hooks.contact_sheet_hook import ContactSheetHook
from mmseg_aux_hrnet.engine.trackers import TRACKERS


@HOOKS.register_module()
class TrackHook(Hook):
    """Give each tracker the name of the best checkpoint and the sheet of sample predictions at every validation.

    mmengine gives them the parameters when a run begins, and the figures of training and validation.
    """

    priority = 'VERY_LOW'  # after the hooks that save the checkpoint and draw the sheet, before that which closes them

    def __init__(self) -> None:
        self._open: list[Any] = []

    @master_only
    def before_train(self, runner: Any) -> None:
        """Look up the trackers."""
        found = [runner.visualizer.get_backend(name) for name in TRACKERS.values()]
        self._open = [backend for backend in found if backend is not None]

    @master_only
    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Record the checkpoint and the sheet."""
        sheets = [hook.sheet for hook in runner.hooks if isinstance(hook, ContactSheetHook) and hook.sheet is not None]
        best = runner.message_hub.runtime_info.get('best_ckpt')
        for tracker in self._open:
            if best is not None:
                tracker.note('best_checkpoint', Path(best).name)
            for sheet in sheets:
                tracker.add_image('validation_samples', sheet, runner.iter)

    @master_only
    def after_train(self, runner: Any) -> None:
        """Say where the records are, while they are still open."""
        for tracker in self._open:
            runner.logger.info(f'tracked: {tracker.place()}')
        self._open = []

    def release(self) -> None:
        """Mark the records of a run that stopped early as failed; those of one that came to its end are whole."""
        for tracker in self._open:
            tracker.fail()
        self._open = []
