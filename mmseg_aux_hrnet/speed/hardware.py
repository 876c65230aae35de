"""What the device of a network can do."""

import shutil
from importlib.util import find_spec

import torch

from mmseg_aux_hrnet.errors import StackError


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies bfloat16 faster than float32, in hardware of its own."""
    if device.type == 'cuda':
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))  # Ampere is the first; before, it is emulated
    if device.type == 'cpu':
        names = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
        return any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return False


def check_compiler(device: torch.device) -> None:
    """Raise where ``torch.compile`` has nothing to compile with.

    Raises:
        StackError: says what is missing.
    """
    if device.type == 'cuda':
        if find_spec('triton') is None:
            raise StackError('compiling for a GPU needs the package triton: pip install triton, or leave out --compile')
    elif not any(shutil.which(name) for name in ('g++', 'clang++', 'c++', 'cl')):
        raise StackError('compiling for a CPU needs a C++ compiler, such as g++: install one, or leave out --compile')
