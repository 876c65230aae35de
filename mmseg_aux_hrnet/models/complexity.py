"""Counts parameters and multiply-adds of a network, as the published tables do."""

from typing import Any, NamedTuple

import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS


class Complexity(NamedTuple):
    """What a network costs.

    Attributes:
        parameters: trainable values, in numbers.
        multiply_adds: of all convolutions for one image; the published "GFLOPs" are these divided by 2**30.
    """

    parameters: int
    multiply_adds: int


def model_complexity(arch: str, *, num_classes: int, size: tuple[int, int]) -> Complexity:
    """Return the cost of HRNetV2 with its main decoder, without auxiliary ones, at an input of (height, width)."""
    widths = list(ARCHS[arch].widths)
    head = {
        'type': 'FCNHead',
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
    return Complexity(sum(p.numel() for p in network.parameters()), _multiply_adds(network, image))


def _multiply_adds(network: nn.Module, image: torch.Tensor) -> int:
    counts: list[int] = []

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            counts.append(output.numel() * module.weight[0].numel())

    handles = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network(image)
    for handle in handles:
        handle.remove()
    return sum(counts)
