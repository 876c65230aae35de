"""Arithmetic that measures how far a student network is from its teacher, free of state.

Shapes: logits, float (N, C, H, W); features, float (N, D, h, w), of which the teacher may have others than the student
(but N); labels, integer (N, H, W). Gradients flow into both arguments: the caller detaches the teacher.
"""

import torch.nn.functional as F
from torch import Tensor


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
    return temperature**2 * divergence.sum(dim=2).mean()
