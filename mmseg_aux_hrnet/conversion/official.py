"""Maps the names of the official HRNet code (HRNet-Semantic-Segmentation, branch pytorch-v1.1) to mmseg's and back.

The networks are the same but for a bias before the head's batch norm, which mmseg's ``FCNHead`` does not have. Batch
norm takes it away again, so it moves into the running mean: (x + bias) - mean = x - (mean - bias).
All that changes is one rounding to float32; on the way back, where the bias is 0, nothing does.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError

HEAD = {
    'last_layer.0.': 'decode_head.convs.0.conv.',
    'last_layer.1.': 'decode_head.convs.0.bn.',
    'last_layer.3.': 'decode_head.conv_seg.',
}
BACKBONE = 'backbone.'
SAVED_AS = 'model.'  # the official tools cut these six letters off every name
BIAS = 'decode_head.convs.0.conv.bias'
MEAN = 'decode_head.convs.0.bn.running_mean'


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
    if 'last_layer.0.weight' in named:
        named['last_layer.0.bias'] = torch.zeros_like(named['last_layer.0.weight'][:, 0, 0, 0])
    return {SAVED_AS + key: value for key, value in named.items()}
