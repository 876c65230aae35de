"""Maps the names of the official HRNet code (HRNet-Semantic-Segmentation, branch pytorch-v1.1) to mmseg's and back.

The networks are the same except for a bias before the head's batch norm, which mmseg's ``FCNHead`` does not have. Batch
norm takes it away again, so it moves into the running mean: (x + bias) - mean = x - (mean - bias).
All that changes is one rounding to float32; on the way back, where the bias is 0, nothing does.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import initialize
from mmengine.registry import init_default_scope
from mmseg.models.utils import Upsample
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, HRNetV2
from mmseg_aux_hrnet.models.segmentors.preprocessing import WHERE, fill_sizes

HEAD = {
    'last_layer.0.': 'decode_head.convs.0.conv.',
    'last_layer.1.': 'decode_head.convs.0.bn.',
    'last_layer.3.': 'decode_head.conv_seg.',
}
BACKBONE = 'backbone.'
SAVED_AS = 'model.'  # the official tools cut these six letters off every name
BIAS = 'decode_head.convs.0.conv.bias'
MEAN = 'decode_head.convs.0.bn.running_mean'
NORM_EPS = 1e-5  # of every batch norm of the official network
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)  # torch's common parent is private


def from_official(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return official weights under mmseg's names, the bias before batch norm folded into the running mean.

    Args:
        weights: by names without ``model.``. A bias that does not fit stays, where nothing expects it.
    """
    named = {}
    for key, value in weights.items():
        old = next((prefix for prefix in HEAD if key.startswith(prefix)), None)
        named[BACKBONE + key if old is None else HEAD[old] + key.removeprefix(old)] = value
    if BIAS in named and MEAN in named and named[BIAS].shape == named[MEAN].shape:
        named[MEAN] = named[MEAN] - named.pop(BIAS)
    return named


def to_official(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of mmseg's HRNet with ``FCNHead`` under official names; the bias before batch norm is 0.

    Raises:
        CheckpointError: a weight has no place in the official network.
    """
    named = {}
    for key, value in weights.items():
        new = next((official for official, ours in HEAD.items() if key.startswith(ours)), None)
        if new is not None:
            named[new + key.removeprefix(HEAD[new])] = value
        elif key.startswith(BACKBONE):
            named[key.removeprefix(BACKBONE)] = value
        else:
            raise CheckpointError(f'{key} has no place in the official network, which has one head and no neck')
    # The official network has this bias and a strict load asks for it; what it would add, batch norm takes away again.
    if 'last_layer.0.weight' in named:
        named['last_layer.0.bias'] = torch.zeros_like(named['last_layer.0.weight'][:, 0, 0, 0])
    return {SAVED_AS + key: value for key, value in named.items()}


def built_model(config: Config, *, initialise: bool) -> Any:
    """Return the segmentor of a config, its weights random with seed 0.

    Args:
        config: as mmengine reads it; stays as it is.
        initialise: draw the classifiers as the config says, else they are as torch makes layers.

    Raises:
        ConfigError: it cannot be built, or is not a segmentor.
    """
    settings = copy.deepcopy(config.model)  # building takes entries out of it
    init_default_scope(config.get('default_scope') or 'mmseg')
    # The caller's random state stays as it is, and the same file gives the same bytes. Without devices=[] torch would
    # start every GPU to save its state too.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            model = MODELS.build(settings)
            decoder, auxiliary = model.decode_head, getattr(model, 'auxiliary_head', None)
        except Exception as error:  # a config can be wrong in any way
            raise ConfigError(f'the model of the config cannot be built: {type(error).__name__}: {error}') from error
        for head in (decoder, *(auxiliary if isinstance(auxiliary, nn.ModuleList) else [auxiliary])):
            if initialise and head is not None:
                initialize(head, head.init_cfg or [])  # BaseModule.init_weights does this, and logs every layer
    fill_sizes(model)
    return model


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
        found.append(
            "backbone: mmseg's enlarging of branches, which differs at sizes that are not multiples of 32; use HRNetV2"
        )
    if getattr(model.decode_head, 'align_corners', False):
        found.append('decode_head: align_corners=True; the official code has False')
    norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS)]
    if any(norm.eps != NORM_EPS for norm in norms):
        found.append(f'batch norm: eps other than {NORM_EPS}')
    if model.size_divisor > 1:
        found.append(f'sizes: filled up to multiples of {model.size_divisor}, unless {WHERE}=1')
    return found
