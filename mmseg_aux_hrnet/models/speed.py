"""Sets how a built network computes: layout of maps, folded batch norms, precision, compilation, kept memory."""

import ctypes
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path
from types import MethodType
from typing import Any, Literal, get_args

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmseg.models.segmentors import BaseSegmentor
from torch import nn

from mmseg_aux_hrnet.errors import ConfigError, StackError
from mmseg_aux_hrnet.models.backbones import HRNetV2
from mmseg_aux_hrnet.models.decode_heads import BranchwiseFCNHead
from mmseg_aux_hrnet.models.segmentors.postprocessing import set_predictions
from mmseg_aux_hrnet.weights import unwrapped

Level = Literal['off', 'safe', 'max']
LEVELS: tuple[Level, ...] = get_args(Level)
DEFAULT: Level = 'safe'

# From malloc.h of glibc, which no Python module has. LARGEST: mallopt takes an int.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
LARGEST = 2**31 - 1


def apply(model: nn.Module, level: Level = DEFAULT, *, training: bool = False, compiled: bool = False) -> None:
    """Set how a built network computes, in place, on the device where it is.

    ``off`` computes step by step what MMSegmentation computes. ``safe`` changes results by rounding only: decoders go
    branch by branch, maps have their channels side by side, and for prediction batch norms are folded into
    convolutions; on a CPU the process keeps the memory that it frees (:func:`keep_freed_memory`). ``max`` also predicts
    in bfloat16 where the hardware has it, and compiles on a GPU. Parts that are not of this package are folded and left
    alone otherwise.

    Args:
        model: a segmentor, or a module around one, such as what averages its predictions. For prediction its weights
            must be loaded and it must be on its device: afterwards it can only predict, and only there.
        level: see above.
        training: leave it trainable; precision is then a matter of the optimizer wrapper, see
            :func:`~mmseg_aux_hrnet.run.training_config.set_speed`.
        compiled: compile backbone and decoders with ``torch.compile``, at any level.

    Raises:
        ConfigError: the level is unknown.
        StackError: there is nothing to compile with.
    """
    check_level(level)
    segmentor: Any = unwrapped(model)
    device = next(segmentor.parameters()).device
    backbones = [module for module in segmentor.modules() if isinstance(module, HRNetV2)]
    heads = [module for module in segmentor.modules() if isinstance(module, BranchwiseFCNHead)]
    for backbone in backbones:
        backbone.layout = 'given' if level == 'off' else 'auto'
    for head in heads:
        head.form = 'plain' if level == 'off' else 'auto'
    if level != 'off':
        half = level == 'max' and not training and has_bfloat16(device)
        _fit_to_device(segmentor, device, training=training)
        if half or device.type == 'cpu':
            lay_weights(segmentor, dtype=torch.bfloat16 if half else None)
    if compiled or (level == 'max' and device.type == 'cuda'):
        check_compiler(device)
        for backbone in backbones:
            backbone.compile()
        for head in heads:
            head.compiled = True  # mmseg calls ``forward`` of a decoder, not the module, which ``compile`` would change


def lay_weights(model: nn.Module, *, dtype: torch.dtype | None = None) -> None:
    """Lay the weights of our backbones and decoders as convolutions want them: others they turn round in every call.

    ``DistributedDataParallel`` must come after it: torch mixes up the elements of the first gradients where weights
    are laid otherwise than when it was made.

    Args:
        model: a segmentor, or a module around one.
        dtype: of the weights afterwards; None for what it is.
    """
    part: Any  # torch types no memory_format of a module
    for part in model.modules():
        if isinstance(part, (HRNetV2, BranchwiseFCNHead)):
            part.to(dtype=dtype, memory_format=torch.channels_last)


def check_level(level: str) -> None:
    """Raise if the level does not exist.

    Raises:
        ConfigError: there is none.
    """
    if level not in LEVELS:
        raise ConfigError(f'speed {level!r} is unknown: use one of {", ".join(LEVELS)}')


def _fit_to_device(segmentor: Any, device: torch.device, *, training: bool) -> None:
    """Set what does not concern the layout of maps: memory, batch norms, predictions, copies to a GPU."""
    if device.type == 'cpu':
        keep_freed_memory()
    if not training:
        fold_batch_norms(segmentor)
        # A segmentor that makes something else of its logits goes on doing so.
        original = getattr(type(segmentor), 'postprocess_result', None)
        if device.type == 'cpu' and original is BaseSegmentor.postprocess_result:
            segmentor.postprocess_result = MethodType(set_predictions, segmentor)
    elif device.type == 'cuda':
        # Lets the copy of a batch to the GPU run beside the host. SegDataPreProcessor has no argument for it.
        segmentor.data_preprocessor._non_blocking = True


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Fold every batch norm of ``model`` that directly follows a convolution into it, in place, and return the model.

    Results in evaluation mode differ by rounding only. The model has other state-dict keys then and cannot be trained.
    """
    # mmcv finds the pairs in the whole tree; torch's fusion takes one pair, and its other rounding would change maps.
    with torch.no_grad():
        folded: nn.Module = fuse_conv_bn(model)
    return folded.eval().requires_grad_(False)


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; return whether the C library supports it.

    The maps of a network are large. By default, glibc gets each of them from the system and gives it back when it is
    freed, and the system fills every page with zeros at its first use. Only glibc can; Windows, macOS and musl stay
    as they are. Memory counts as the process's until it ends, but serves all that it allocates later.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, value) for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST)))


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies bfloat16 faster than float32, in hardware of its own."""
    if device.type == 'cuda':
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))  # Ampere is the first; before, it is emulated
    if device.type == 'cpu':
        # torch.cpu.get_capabilities would say it, but torch 2.6 has only these; without them the answer is no.
        names = ('_is_amx_tile_supported', '_is_avx512_bf16_supported')
        amx, avx = (getattr(torch.cpu, name, lambda: False)() for name in names)
        # Intel's AVX512-BF16 without AMX takes 1.3 times as long as float32; AMD's is faster than it.
        return bool(amx or (avx and 'AuthenticAMD' in _processor()))
    return False


def _processor() -> str:
    """Return words about the processor, with its vendor in them; Python has them on Windows only."""
    try:
        return Path('/proc/cpuinfo').read_text()
    except OSError:
        return platform.processor()


def check_compiler(device: torch.device) -> None:
    """Raise where ``torch.compile`` has nothing to compile with; it would fail late, in the first batch.

    Raises:
        StackError: says what is missing.
    """
    if device.type == 'cuda':
        if find_spec('triton') is None:
            raise StackError('compiling for a GPU needs the package triton: pip install triton, or leave out --compile')
    elif not any(shutil.which(name) for name in ('g++', 'clang++', 'c++', 'cl')):
        raise StackError('compiling for a CPU needs a C++ compiler, such as g++: install one, or leave out --compile')
