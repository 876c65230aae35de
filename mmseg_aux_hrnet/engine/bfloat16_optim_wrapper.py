"""Trains in bfloat16 where that is safe."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """mmengine's ``OptimWrapper`` under autocast to bfloat16, on a CPU too.

    Weights, batch norm statistics, losses and the optimizer stay in float32. bfloat16 has the range of float32, so
    losses need no scaling, and nothing has to wait for a GPU to find out whether gradients overflowed.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Compute what is inside in bfloat16, and accumulate gradients as mmengine does."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield
