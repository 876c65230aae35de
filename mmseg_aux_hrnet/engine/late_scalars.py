"""Numbers on their way from a GPU to the host, which goes on with other work."""

from collections.abc import Mapping

import torch
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
