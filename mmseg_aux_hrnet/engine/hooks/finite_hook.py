"""Stops a run that left the finite numbers, before it is saved."""

import math
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import LAST
from mmseg_aux_hrnet.errors import DivergedError


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stop at the first loss that is NaN or infinite, and at weights that are, before a checkpoint gets them.

    Raises (while training):
        DivergedError: names the batch's files and the last good checkpoint.
    """

    priority = 'VERY_HIGH'  # before the hook that saves

    def __init__(self) -> None:
        self._batch: Any = None

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Check the loss; mmengine reads it in every iteration too, so a GPU waits no longer."""
        self._batch = data_batch
        loss = float(torch.as_tensor((outputs or {}).get('loss', 0.0)).detach())
        if not math.isfinite(loss):
            self._raise(runner, f'the loss is {loss}', iteration=runner.iter + 1)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check the weights, which the last step can have broken after a finite loss."""
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                self._raise(runner, f'the weights {name} are not finite', iteration=checkpoint['meta']['iter'])

    def _raise(self, runner: Any, what: str, *, iteration: int) -> None:
        last = Path(runner.work_dir) / LAST
        good = last.read_text() if last.is_file() else 'none was written yet'
        samples = (self._batch or {}).get('data_samples', []) if isinstance(self._batch, dict) else []
        names = ', '.join(str(sample.metainfo.get('img_path')) for sample in samples)
        raise DivergedError(
            f'{what} at iteration {iteration}; last good checkpoint: {good}; batch: {names or "unknown"}; '
            'lower the learning rate or look at these files, then go on with --resume'
        )
