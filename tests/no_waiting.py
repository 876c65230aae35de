"""Finds what would make the host of a GPU wait, on a CPU: every operation whose result the host has to read."""

from torch.utils._python_dispatch import TorchDispatchMode

READS = ('_local_scalar_dense', 'nonzero', 'masked_select', 'equal', 'unique', 'bincount')


class Reads(TorchDispatchMode):
    """Collect the names of the operations that read; ``index`` by a mask is one of them."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.split('.')[0]
        by_mask = name.startswith('index') and any(
            index is not None and index.dtype.is_floating_point is False and str(index.dtype) == 'torch.bool'
            for index in (args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ())
            if hasattr(index, 'dtype')
        )
        if any(name.startswith(read) for read in READS) or by_mask:
            self.names.append(name)
        return func(*args, **(kwargs or {}))
