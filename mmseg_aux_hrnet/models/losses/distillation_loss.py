"""The registered terms by which a student learns from a teacher."""

from abc import ABC, abstractmethod
from math import ceil
from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_aux_hrnet.models.losses.distillation import (
    channelwise_divergence,
    pairwise_difference,
    pixelwise_divergence,
)


class HeadOutputs(NamedTuple):
    """What a decode head computes on the way to its prediction.

    Attributes:
        features: input of the classifier, float (N, D, h, w).
        logits: its output at the size of the labels, float (N, C, H, W), C at least 2.
    """

    features: Tensor
    logits: Tensor

    def wide(self) -> 'HeadOutputs':
        """Return the same in single precision: sums over pixels lose their digits in half precision."""
        return HeadOutputs(features=self.features.float(), logits=self.logits.float())


class DistillationLoss(nn.Module, ABC):
    """A scalar that is 0 where the student equals the teacher.

    Args:
        loss_weight: factor on the result.
    """

    loss_name: str

    def __init__(self, *, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the weighted loss, a scalar, computed in full precision also under autocast.

        Args:
            student: outputs with gradient.
            teacher: outputs without.
            labels: integer (N, H, W).
            ignore_index: label of pixels that do not count.
        """
        with torch.autocast(device_type=labels.device.type, enabled=False):
            return self.loss_weight * self.compute(student.wide(), teacher.wide(), labels, ignore_index=ignore_index)

    @abstractmethod
    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the loss before ``loss_weight``, a scalar."""


@MODELS.register_module()
class PixelwiseDistillationLoss(DistillationLoss):
    """Divergence of class probabilities: see :func:`~.distillation.pixelwise_divergence`."""

    loss_name = 'loss_pixelwise'

    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the mean divergence of the pixels that count, a scalar in nats."""
        return pixelwise_divergence(student.logits, teacher.logits, labels, ignore_index=ignore_index)


@MODELS.register_module()
class PairwiseDistillationLoss(DistillationLoss):
    """Difference of similarities within an image: see :func:`~.distillation.pairwise_difference`.

    Args:
        node_size: side of the square of image pixels that makes one node; memory grows with its power of -4.
        loss_weight: factor on the result.
    """

    loss_name = 'loss_pairwise'

    def __init__(self, *, node_size: int, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.node_size = node_size

    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the mean squared difference, a scalar."""
        height, width = labels.shape[1:]
        grid = (ceil(height / self.node_size), ceil(width / self.node_size))
        return pairwise_difference(student.features, teacher.features, grid=grid)


@MODELS.register_module()
class ChannelwiseDistillationLoss(DistillationLoss):
    """Divergence of where classes are seen: see :func:`~.distillation.channelwise_divergence`.

    Args:
        temperature: T in the formula; above 1 attends to more than the strongest pixels.
        loss_weight: factor on the result.
    """

    loss_name = 'loss_channelwise'

    def __init__(self, *, temperature: float, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.temperature = temperature

    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the mean divergence of channels, a scalar in nats."""
        return channelwise_divergence(student.logits, teacher.logits, temperature=self.temperature)
