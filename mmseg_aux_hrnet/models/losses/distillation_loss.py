"""The registered loss terms of a student that learns from a teacher."""

from abc import ABC, abstractmethod
from math import ceil
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn


class HeadOutputs(NamedTuple):
    """What a decode head computes on the way to its prediction.

    Attributes:
        features: input of the classifier, float (N, D, h, w).
        logits: its output at the size of the labels, float (N, C, H, W), C at least 2.
    """

    features: Tensor
    logits: Tensor


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
        # Sums over pixels lose their digits in half precision.
        student, teacher = (HeadOutputs(each.features.float(), each.logits.float()) for each in (student, teacher))
        with torch.autocast(device_type=labels.device.type, enabled=False):
            return self.loss_weight * self.compute(student, teacher, labels, ignore_index=ignore_index)

    @abstractmethod
    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the loss before ``loss_weight``, a scalar."""


@MODELS.register_module()
class PixelwiseDistillationLoss(DistillationLoss):
    r"""How far the class probabilities of pixels are apart, in nats, at least 0.

    With softmax probabilities s of the student and t of the teacher, and the set R of pixels that count:

    .. math:: \frac{1}{|R|} \sum_{i \in R} \sum_c t_{ic} \log \frac{t_{ic}}{s_{ic}}

    the pixel-wise term of Liu et al. (arXiv 1903.04197), in the direction of their code, at temperature 1. Ignored
    pixels are left out; 0 with zero gradient where every pixel is ignored.
    """

    loss_name = 'loss_pixelwise'

    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the mean divergence of the pixels that count, a scalar in nats."""
        own, target = student.logits.log_softmax(dim=1), teacher.logits.log_softmax(dim=1)
        valid = (labels != ignore_index).to(own.dtype)
        divergence = F.kl_div(own, target, reduction='none', log_target=True)
        return (divergence.sum(dim=1) * valid).sum() / valid.sum().clamp(min=1)


@MODELS.register_module()
class PairwiseDistillationLoss(DistillationLoss):
    r"""How differently student and teacher relate places of an image to each other, in [0, 4].

    With the cosine similarities a of the R nodes that features are pooled to:

    .. math:: \frac{1}{R^2} \sum_{i,j} (a^s_{ij} - a^t_{ij})^2

    averaged over images: the pair-wise term of Liu et al. (arXiv 1903.04197), with every two nodes connected. A node
    is the mean feature of one of equal rectangles that cover the image.

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
        # A grid and not a stride: the maps of teacher and student may differ in size.
        grid = (ceil(height / self.node_size), ceil(width / self.node_size))
        own, target = (
            F.normalize(F.adaptive_avg_pool2d(each.features, grid).flatten(2), dim=1) for each in (student, teacher)
        )
        return (own.transpose(1, 2) @ own - target.transpose(1, 2) @ target).square().mean()


@MODELS.register_module()
class ChannelwiseDistillationLoss(DistillationLoss):
    r"""How far the places that channels attend to are apart, in nats, at least 0.

    With the softmax over the H x W pixels i of each channel c, at temperature T, s of the student and t of the teacher:

    .. math:: \frac{T^2}{C} \sum_c \sum_i t_{ci} \log \frac{t_{ci}}{s_{ci}}

    averaged over images (Shu et al., arXiv 2011.13256). Ignored pixels count: a label is not asked for.

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
        own, target = ((each.logits / self.temperature).flatten(2).log_softmax(dim=2) for each in (student, teacher))
        divergence = F.kl_div(own, target, reduction='none', log_target=True)
        # Gradients shrink with the square of the temperature; so its choice leaves the weight of the loss alone.
        return self.temperature**2 * divergence.sum(dim=2).mean()
