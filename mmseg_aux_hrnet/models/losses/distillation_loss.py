"""The registered terms by which a student learns from a teacher."""

from abc import ABC, abstractmethod
from math import ceil
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn


def pixelwise_divergence(student: Tensor, teacher: Tensor, labels: Tensor, *, ignore_index: int) -> Tensor:
    r"""Return how far the class probabilities of pixels are apart, a scalar in nats, at least 0.

    With softmax probabilities s of the student and t of the teacher, and the set R of pixels that count:

    .. math:: \frac{1}{|R|} \sum_{i \in R} \sum_c t_{ic} \log \frac{t_{ic}}{s_{ic}}

    the pixel-wise term of Liu et al. (arXiv 1903.04197), in the direction of their code, at temperature 1. Ignored
    pixels are left out; 0 with zero gradient where every pixel is ignored.
    """
    valid = (labels != ignore_index).to(student.dtype)
    divergence = F.kl_div(student.log_softmax(dim=1), teacher.log_softmax(dim=1), reduction='none', log_target=True)
    return (divergence.sum(dim=1) * valid).sum() / valid.sum().clamp(min=1)


def cosine_similarities(features: Tensor, *, grid: tuple[int, int]) -> Tensor:
    """Return the cosine similarity of every two nodes of an image, float (N, R, R), in [-1, 1].

    A node is the mean feature of one of ``grid`` = (rows, columns) equal rectangles, R = rows x columns.
    """
    # A grid and not a stride: the maps of teacher and student may differ in size.
    nodes = F.normalize(F.adaptive_avg_pool2d(features, grid).flatten(2), dim=1)
    return nodes.transpose(1, 2) @ nodes


def pairwise_difference(student: Tensor, teacher: Tensor, *, grid: tuple[int, int]) -> Tensor:
    r"""Return how differently student and teacher relate places of an image to each other, a scalar in [0, 4].

    With the cosine similarities a of the R nodes that features are pooled to:

    .. math:: \frac{1}{R^2} \sum_{i,j} (a^s_{ij} - a^t_{ij})^2

    averaged over images: the pair-wise term of Liu et al. (arXiv 1903.04197), with every two nodes connected.
    """
    difference = cosine_similarities(student, grid=grid) - cosine_similarities(teacher, grid=grid)
    return difference.square().mean()


def channelwise_divergence(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    r"""Return how far the places that channels attend to are apart, a scalar in nats, at least 0.

    With the softmax over the H x W pixels i of each channel c, at temperature T, s of the student and t of the teacher:

    .. math:: \frac{T^2}{C} \sum_c \sum_i t_{ci} \log \frac{t_{ci}}{s_{ci}}

    averaged over images (Shu et al., arXiv 2011.13256). Ignored pixels count: a label is not asked for.
    """
    own, target = ((x / temperature).flatten(2).log_softmax(dim=2) for x in (student, teacher))
    divergence = F.kl_div(own, target, reduction='none', log_target=True)
    # Gradients shrink with the square of the temperature; so its choice leaves the weight of the loss alone.
    return temperature**2 * divergence.sum(dim=2).mean()


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
    """Divergence of class probabilities: see :func:`pixelwise_divergence`."""

    loss_name = 'loss_pixelwise'

    def compute(self, student: HeadOutputs, teacher: HeadOutputs, labels: Tensor, *, ignore_index: int) -> Tensor:
        """Return the mean divergence of the pixels that count, a scalar in nats."""
        return pixelwise_divergence(student.logits, teacher.logits, labels, ignore_index=ignore_index)


@MODELS.register_module()
class PairwiseDistillationLoss(DistillationLoss):
    """Difference of similarities within an image: see :func:`pairwise_difference`.

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
    """Divergence of where classes are seen: see :func:`channelwise_divergence`.

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
