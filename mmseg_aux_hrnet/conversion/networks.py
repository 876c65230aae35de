"""Builds the networks that converted weights have to fill."""

import copy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import initialize
from mmengine.registry import init_default_scope
from mmseg.models.utils import Upsample
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, HRNetV2

NORM_EPS = 1e-5  # of every batch norm of the official network


def built_model(config: Config, *, initialise: bool) -> Any:
    """Return the segmentor of a config, its weights random with seed 0.

    Args:
        config: as mmengine reads it; stays as it is.
        initialise: draw the classifiers as the config says, else they are as torch makes layers.

    Raises:
        ConfigError: it cannot be built, or is no segmentor.
    """
    settings = copy.deepcopy(config.model)
    init_default_scope(config.get('default_scope') or 'mmseg')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model = MODELS.build(settings)
            heads = _heads(model)
        except Exception as error:  # a config can be wrong in any way
            raise ConfigError(f'the model of the config cannot be built: {type(error).__name__}: {error}') from error
        for head in heads if initialise else ():
            initialize(head, head.init_cfg or [])  # BaseModule.init_weights does this, and logs every layer
    return model


def _heads(model: Any) -> list[Any]:
    auxiliary = getattr(model, 'auxiliary_head', None)
    if auxiliary is None:
        return [model.decode_head]
    return [model.decode_head, *(auxiliary if isinstance(auxiliary, nn.ModuleList) else [auxiliary])]


def backbone_weights(arch: str) -> dict[str, Tensor]:
    """Return names, shapes and types of the weights of a variant of HRNetV2."""
    with torch.device('meta'):  # nothing is computed
        return dict(HRNetV2(arch).state_dict())


def head_weights(arch: str, *, rows: int) -> dict[str, Tensor]:
    """Return names, shapes and types of the weights of the official decoder, a classifier of ``rows`` outputs."""
    width = sum(ARCHS[arch].widths)
    with torch.device('meta'):
        layers = {
            'convs.0.conv.': nn.Conv2d(width, width, 1, bias=False),
            'convs.0.bn.': nn.BatchNorm2d(width),
            'conv_seg.': nn.Conv2d(width, rows, 1),
        }
    return {prefix + key: value for prefix, layer in layers.items() for key, value in layer.state_dict().items()}


def differences_to_official(model: Any) -> list[str]:
    """Return in what a segmentor computes otherwise than the official network with the same weights."""
    found = []
    if any(isinstance(module, Upsample) for module in model.backbone.modules()):
        found.append("backbone: mmseg's enlarging of branches, other at sizes that are no multiple of 32; use HRNetV2")
    if getattr(model.decode_head, 'align_corners', False):
        found.append('decode_head: align_corners=True; the official code has False')
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if any(norm.eps != NORM_EPS for norm in norms):
        found.append(f'batch norm: eps other than {NORM_EPS}')
    return found
