"""Trains one model in several processes without GPUs."""

from typing import Any

from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmseg.registry import MODEL_WRAPPERS
from torch import nn

from mmseg_aux_hrnet.models.speed import Level, lay_weights


@MODEL_WRAPPERS.register_module()
class CPUDataParallel(MMDistributedDataParallel):
    """Average gradients over processes; every process normalises by its own images, since SyncBN works on GPUs only.

    Before each training step all take the batch norm statistics of process 0. So its checkpoint is what all of them
    train with, and a resumed run goes on as an uninterrupted one.

    Args:
        module: a segmentor on the CPU.
        device_ids: not used; mmengine's runner gives the number of a GPU.
        level: at which :func:`~mmseg_aux_hrnet.models.speed.apply` is called afterwards.
        **kwargs: go to :class:`torch.nn.parallel.DistributedDataParallel`.
    """

    def __init__(self, module: nn.Module, device_ids: Any = None, *, level: Level = 'off', **kwargs: Any) -> None:
        module = revert_sync_batchnorm(module)
        if level != 'off':
            lay_weights(module)
        # torch refuses device_ids for a module on the CPU.
        super().__init__(module, device_ids=None, **kwargs)
