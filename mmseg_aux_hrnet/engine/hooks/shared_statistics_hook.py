"""Makes several processes validate one and the same model."""

from typing import Any

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class SharedStatisticsHook(Hook):
    """Validate with the batch norm statistics of process 0, which are those that checkpoints keep.

    Without SyncBN each process has gathered others since the last training step. mmengine's ``SyncBuffersHook`` takes
    their mean, which is in no checkpoint.
    """

    def before_val_epoch(self, runner: Any) -> None:
        """Take the statistics of process 0."""
        for buffer in runner.model.buffers():
            broadcast(buffer, src=0)
