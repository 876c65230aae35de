"""Logs the results of training steps without waiting for the GPU in every step."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmseg.registry import HOOKS
from torch import Tensor


def host_waits(value: Tensor | float) -> bool:
    """Say whether reading the value makes the host wait for a device."""
    return isinstance(value, Tensor) and value.device.type != 'cpu'


class LateScalars:
    """Scalars by their names, read later than they were asked for.

    Args:
        values: tensors with one value each, on any device, or numbers.
    """

    def __init__(self, values: Mapping[str, Tensor | float]) -> None:
        self._names = list(values)
        self._values = [torch.as_tensor(value).detach().reshape(()) for value in values.values()]
        self._ready: torch.cuda.Event | None = None
        if self._values and self._values[0].is_cuda:
            # Only a copy to pinned memory lets the host go on, and only the event tells when it has arrived.
            arrived = torch.empty(len(self._values), dtype=torch.float64, pin_memory=True)
            arrived.copy_(torch.stack(self._values).double(), non_blocking=True)
            self._values = list(arrived)
            self._ready = torch.cuda.Event()
            self._ready.record()

    def read(self) -> dict[str, float]:
        """Return the values, which waits for those that are still on their way."""
        if self._ready is not None:
            self._ready.synchronize()
        return {name: float(value) for name, value in zip(self._names, self._values, strict=True)}


@HOOKS.register_module()
class LateRuntimeInfoHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, which reads the losses of an iteration when the next one is under way.

    What is logged and kept is the same: before a log line, a validation, a checkpoint and the end of training, the
    values of all iterations are there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[LateScalars] = deque()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Ask for the values of this iteration and note those of the one before."""
        self._waiting.append(LateScalars(outputs or {}))
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        # The hook that logs comes after this one, and would miss a value that is still on its way.
        logged = (
            self.end_of_epoch(runner.train_dataloader, batch_idx)
            or self.is_last_train_iter(runner)
            or any(self.every_n_inner_iters(batch_idx, interval) for interval in intervals)
        )
        self._note(runner, left=0 if logged else 1)

    def before_val(self, runner: Any) -> None:
        """Note all values."""
        self._note(runner)
        super().before_val(runner)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Note all values; a checkpoint keeps the history of the losses."""
        self._note(runner)
        if 'message_hub' in checkpoint:  # mmengine took the state before it called this
            checkpoint['message_hub'] = runner.message_hub.state_dict()

    def after_train(self, runner: Any) -> None:
        """Note all values."""
        self._note(runner)
        super().after_train(runner)

    def _note(self, runner: Any, *, left: int = 0) -> None:
        while len(self._waiting) > left:
            for name, value in self._waiting.popleft().read().items():
                runner.message_hub.update_scalar(f'train/{name}', value)
