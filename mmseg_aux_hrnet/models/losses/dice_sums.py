"""The sums over pixels that the Dice loss is made of, with their gradient in closed form."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class DiceSums(NamedTuple):
    """Sums over the pixels of an image, for each class, float (N, C).

    Attributes:
        overlap: of the weighted probability of the class, over the pixels that are labelled so.
        squares: of the weighted squared probability of the class, over all pixels.
        area: of the weights, over the pixels that are labelled so; it has no gradient.
    """

    overlap: Tensor
    squares: Tensor
    area: Tensor


def dice_sums(logits: Tensor, labels: Tensor, weight: Tensor) -> DiceSums:
    """Return the sums of the softmax probabilities of ``logits``.

    No one-hot labels are made, and of all that has the size of the logits only the probabilities are kept for the
    gradient, for which automatic differentiation would keep seven such tensors.

    Args:
        logits: float (N, C, H, W).
        labels: int64 (N, H, W), 0..C-1, also where the weight is 0.
        weight: float (N, H, W), at least 0.
    """
    overlap, squares = _Sums.apply(logits, labels, weight)
    area = _summed_by_label(weight, labels, classes=logits.shape[1])
    return DiceSums(overlap, squares, area)


class _Sums(torch.autograd.Function):
    """Overlap and squares; arguments as in :func:`dice_sums`."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = logits.softmax(dim=1)
        own = probabilities.gather(1, labels.unsqueeze(1)).squeeze(1).mul_(weight)
        ctx.save_for_backward(probabilities, labels, weight, own)
        squares = [(values * weight * values).sum(dim=(1, 2)) for values in probabilities.unbind(dim=1)]
        return _summed_by_label(own, labels, classes=logits.shape[1]), torch.stack(squares, dim=1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_overlap: Tensor, by_squares: Tensor) -> tuple[Tensor, None, None]:
        r"""Return the gradient of the logits.

        With gradients a of the overlap and b of the squares, a pixel of label t and weight w has
        dL/dp_c = w (a_c [c = t] + 2 b_c p_c), and softmax makes dL/dz_c = p_c (dL/dp_c - sum_k p_k dL/dp_k) of it.
        """
        probabilities, labels, weight, own = ctx.saved_tensors
        at_label = by_overlap.gather(1, labels.flatten(1)).view_as(own) * own  # w a_t p_t
        gradient = probabilities * (2 * by_squares)[:, :, None, None]
        gradient *= weight.unsqueeze(1)
        mean = (gradient * probabilities).sum(dim=1).add_(at_label)
        gradient -= mean.unsqueeze(1)
        gradient *= probabilities
        gradient.scatter_add_(1, labels.unsqueeze(1), at_label.unsqueeze(1))
        return gradient, None, None


def _summed_by_label(values: Tensor, labels: Tensor, *, classes: int) -> Tensor:
    """Return the sum of the values, float (N, H, W), of the pixels of each label, float (N, classes)."""
    return values.new_zeros(len(values), classes).scatter_add_(1, labels.flatten(1), values.flatten(1))
