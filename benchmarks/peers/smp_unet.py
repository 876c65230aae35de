"""U-Net with a ResNet-34 of segmentation_models_pytorch, as a network that mmseg's runner trains.

Imported by the name of this module in ``custom_imports`` of a config, with this folder on PYTHONPATH.
"""

from typing import Any

import segmentation_models_pytorch as smp
import torch
from mmengine.model import BaseModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class SmpUnet(BaseModule):
    """The whole network; its logits are the only map. Weights are random, as the library makes them."""

    def __init__(self, num_classes: int = 2, encoder: str = 'resnet34', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unet = smp.Unet(encoder, encoder_weights=None, classes=num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return logits (N, classes, H, W) of images (N, 3, H, W)."""
        return (self.unet(images),)


@MODELS.register_module()
class LogitsHead(BaseDecodeHead):
    """Leaves logits as they are, and adds mmseg's losses."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv_seg, self.dropout = nn.Identity(), None

    def init_weights(self) -> None:
        """Nothing to do: there are no weights."""

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the logits."""
        return torch.as_tensor(inputs[0])
