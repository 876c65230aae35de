"""Counts parameters and multiply-adds of a network, as the published tables do."""

import torch
from mmseg.registry import MODELS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS


def model_complexity(arch: str, *, num_classes: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return what HRNetV2 with its main decoder costs, without auxiliary decoders.

    Args:
        arch: a key of ``ARCHS``.
        num_classes: classes that the decoder tells apart.
        size: (height, width) of the one image, in pixels.

    Returns:
        The number of trainable values, and the multiply-adds of all convolutions; the published "GFLOPs" are these
        divided by 2**30.
    """
    widths = list(ARCHS[arch].widths)
    head = {
        'type': 'FCNHead',  # not BranchwiseFCNHead, which takes fewer multiply-adds than the published tables say
        'in_channels': widths,
        'in_index': [0, 1, 2, 3],
        'input_transform': 'resize_concat',
        'channels': sum(widths),
        'kernel_size': 1,
        'num_convs': 1,
        'concat_input': False,
        'num_classes': num_classes,
        'out_channels': num_classes,
        'norm_cfg': {'type': 'BN'},
        'loss_decode': {'type': 'MaskedCrossEntropyLoss'},
    }
    with torch.device('meta'):  # shapes only: nothing is computed
        network = nn.Sequential(MODELS.build({'type': 'HRNetV2', 'arch': arch}), MODELS.build(head)).eval()
        image = torch.empty(1, 3, *size)
    # torch counts a multiply-add as two operations, and of this network only the convolutions: no norm, no resizing.
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2
