"""Sets how a built network computes."""

from types import MethodType
from typing import Any

import torch
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmseg.models.segmentors import BaseSegmentor
from torch import nn

from mmseg_aux_hrnet.models import BranchwiseFCNHead, HRNetV2
from mmseg_aux_hrnet.models.folding import fold_batch_norms
from mmseg_aux_hrnet.models.segmentors.postprocessing import set_predictions
from mmseg_aux_hrnet.speed.allocator import keep_freed_memory
from mmseg_aux_hrnet.speed.hardware import check_compiler, has_bfloat16
from mmseg_aux_hrnet.speed.levels import DEFAULT, Level, check_level


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
            :func:`~mmseg_aux_hrnet.speed.training_config.set_speed`.
        compiled: compile backbone and decoders with ``torch.compile``, at any level.

    Raises:
        ConfigError: the level is unknown.
        StackError: there is nothing to compile with.
    """
    check_level(level)
    segmentor = _segmentor(model)
    device = next(segmentor.parameters()).device
    parts = [module for module in segmentor.modules() if isinstance(module, (HRNetV2, BranchwiseFCNHead))]
    for part in parts:
        if isinstance(part, HRNetV2):
            part.layout = 'given' if level == 'off' else 'auto'
        else:
            part.form = 'plain' if level == 'off' else 'auto'
    if level != 'off':
        if device.type == 'cpu':
            keep_freed_memory()
        if not training:
            _prepare_prediction(segmentor, device)
        half = level == 'max' and not training and has_bfloat16(device)
        _store_weights(parts, half=half, on_cpu=device.type == 'cpu')
    if training and level != 'off' and device.type == 'cuda':
        segmentor.data_preprocessor._non_blocking = True  # mmseg's has no argument for it
    if compiled or (level == 'max' and device.type == 'cuda'):
        check_compiler(device)
        for part in parts:
            _compile(part)


def _segmentor(model: Any) -> Any:
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def _prepare_prediction(segmentor: Any, device: torch.device) -> None:
    fold_batch_norms(segmentor)
    own = getattr(type(segmentor), 'postprocess_result', None)
    if device.type == 'cpu' and own is BaseSegmentor.postprocess_result:
        segmentor.postprocess_result = MethodType(set_predictions, segmentor)


def _store_weights(parts: list[Any], *, half: bool, on_cpu: bool) -> None:
    """Hold weights as the convolutions want them, which would otherwise turn them round in every call."""
    for part in parts:
        if half:
            part.to(dtype=torch.bfloat16)
        if on_cpu or half:
            part.to(memory_format=torch.channels_last)


def _compile(part: Any) -> None:
    if isinstance(part, HRNetV2):
        part.compile()
    else:
        part.compiled = True  # mmseg calls ``forward`` of a decoder, not the module, so ``compile`` would not reach it
