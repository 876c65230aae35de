"""Stops a run with numbers that are not finite, before it is saved."""

import math
from collections import deque
from itertools import product
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.engine.hooks.data_check_hooks import heads
from mmseg_aux_hrnet.engine.hooks.late_runtime_info_hook import LateScalars, host_waits
from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import LAST
from mmseg_aux_hrnet.errors import DivergedError


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stop at the first loss that is NaN or infinite, and at weights that are, before a checkpoint gets them.

    On a GPU, whose host must not wait, the loss of an iteration is looked at when the next one is under way.

    Raises (while training):
        DivergedError: names the batch's files, a label of theirs that is not a class, and the last good checkpoint.
    """

    priority = 'VERY_HIGH'  # before the hook that saves

    def __init__(self) -> None:
        self._unread: deque[tuple[int, LateScalars, Any]] = deque()  # iteration, its loss and its batch
        self._batch: Any = None

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Check the loss."""
        loss = (outputs or {}).get('loss', 0.0)
        self._batch = data_batch
        self._unread.append((runner.iter + 1, LateScalars({'loss': loss}), data_batch))
        self._check(runner, left=1 if host_waits(loss) else 0)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check the weights, which the last step can have broken after a finite loss."""
        self._check(runner)
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                what = f'the weights {name} are not finite'
                _stop(runner, what, iteration=checkpoint['meta']['iter'], batch=self._batch)

    def _check(self, runner: Any, *, left: int = 0) -> None:
        while len(self._unread) > left:
            iteration, scalars, batch = self._unread.popleft()
            loss = scalars.read()['loss']
            if not math.isfinite(loss):
                _stop(runner, f'the loss is {loss}', iteration=iteration, batch=batch)

    after_train = _check  # the loss of the last iteration


def _stop(runner: Any, what: str, *, iteration: int, batch: Any) -> None:
    last = Path(runner.work_dir) / LAST
    last_good = last.read_text() if last.is_file() else 'none was written yet'
    samples = (batch or {}).get('data_samples', []) if isinstance(batch, dict) else []
    names = ', '.join(str(sample.metainfo.get('img_path')) for sample in samples)
    advice = 'lower the learning rate or look at these files, then continue with --resume'
    for (_, head), sample in product(heads(runner.model)[:1], samples):
        labels = sample.gt_sem_seg.data if 'gt_sem_seg' in sample else torch.empty(0)
        wrong = labels[(labels != head.ignore_index) & ((labels < 0) | (labels >= head.num_classes))]
        if len(wrong):  # on a GPU such a label only makes the loss NaN
            advice = (
                f'label {int(wrong[0])} of {sample.metainfo.get("img_path")} is not a class: allowed are '
                f'0..{head.num_classes - 1} and {head.ignore_index} (ignored); fix the label files or declare their '
                'label_format'
            )
            break
    raise DivergedError(
        f'{what} at iteration {iteration}; last good checkpoint: {last_good}; batch: {names or "unknown"}; {advice}'
    )
