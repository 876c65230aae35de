"""Loss arithmetic on tensors: the computation of every registered loss, without state.

Shapes: logits, float (N, C, H, W); labels, integer (N, H, W) with values 0..C-1 or the ignored index; pixel weights,
float (N, H, W). One-channel logits stand for two classes and are widened by ``two_class_logits`` first.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmseg_aux_hrnet.errors import LabelError

SCATTERED_FROM = 3  # classes; measured on a CPU: two are summed up faster with one-hot labels


def two_class_logits(logits: Tensor) -> Tensor:
    """Widen one-channel logits (N, 1, H, W) to two classes; leave others as they are.

    softmax([0, z]) equals (1 - sigmoid(z), sigmoid(z)), so the one channel means class 1, as in binary cross entropy.
    """
    if logits.shape[1] != 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)


def wrong_labels(labels: Tensor, *, num_classes: int, ignore_index: int) -> Tensor:
    """Return where a label, integer (N, H, W), is neither a class nor ignored, bool (N, H, W)."""
    return (labels != ignore_index) & ((labels < 0) | (labels >= num_classes))


def refuse_labels(labels: Tensor, wrong: Tensor, *, num_classes: int, ignore_index: int) -> None:
    """Raise where :func:`wrong_labels` found one; the host waits for the device of the tensors.

    Raises:
        LabelError: names the first such value and its position (image in the batch, row, column).
    """
    if not bool(wrong.any()):
        return
    position = wrong.nonzero()[0].tolist()
    raise LabelError(
        f'label {int(labels[tuple(position)])} at (image, row, column) {tuple(position)} is not a class: allowed are '
        f'0..{num_classes - 1} and {ignore_index} (ignored); fix the label files or declare their label_format'
    )


def one_hot(labels: Tensor, *, num_classes: int) -> Tensor:
    """Return labels as bool (N, C, H, W); a pixel whose label is not a class belongs to none."""
    return labels.unsqueeze(1) == torch.arange(num_classes, device=labels.device).view(1, -1, 1, 1)


def masked_dice(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weight: Tensor,
    pixel_weight: Tensor | None = None,
    smooth: float = 1.0,
    ignore_index: int = 255,
) -> Tensor:
    r"""Return the soft Dice loss of the pixels that count, a scalar in [0, 1].

    For image n and class c, with softmax probabilities p, one-hot labels t and pixel weights w (0 where ignored):

    .. math:: 1 - \frac{2 \sum w p t + s}{\sum w p^2 + \sum w t + s}

    averaged over classes by ``class_weight`` and over the images that hold at least one pixel of positive weight.
    A class that an image does not hold is driven to zero probability there. Where every pixel is ignored the loss is 0
    and so is its gradient. The squared denominator is that of Milletari et al., V-Net (arXiv 1606.04797).
    """
    valid = labels != ignore_index
    weight = valid.to(logits.dtype) if pixel_weight is None else valid * pixel_weight.to(logits.dtype)
    overlap, squares, area = dice_sums(logits, torch.where(valid, labels, 0), weight)
    per_class = 1 - (2 * overlap + smooth) / (squares + area + smooth)
    per_image = (per_class * class_weight).sum(dim=1) / class_weight.sum()
    # An image without pixels that count has loss 0 here: averaged in, it would dilute the loss of the others.
    counted = (area.sum(dim=1) > 0).to(logits.dtype)
    return (per_image * counted).sum() / counted.sum().clamp(min=1)


def dice_sums(logits: Tensor, labels: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return three sums over the pixels of each image and class, float (N, C).

    Args:
        logits: float (N, C, H, W).
        labels: int64 (N, H, W), 0..C-1, also where the weight is 0.
        weight: float (N, H, W), at least 0.

    Returns:
        The weighted softmax probability of the class over the pixels that are labelled so; the weighted squared
        probability of the class over all pixels; the weight of the pixels that are labelled so.
    """
    num_classes = logits.shape[1]
    # On a GPU scattering is slow here: all pixels would be added to the same few sums.
    if num_classes >= SCATTERED_FROM and logits.device.type == 'cpu':
        overlap, squares = _ScatteredSums.apply(logits, labels, weight)
        return overlap, squares, _summed_by_label(weight, labels, num_classes=num_classes)
    target, probabilities = one_hot(labels, num_classes=num_classes), logits.softmax(dim=1)
    weight = weight.unsqueeze(1)
    return (
        (weight * probabilities * target).sum(dim=(2, 3)),
        (weight * probabilities.square()).sum(dim=(2, 3)),
        (weight * target).sum(dim=(2, 3)),
    )


class _ScatteredSums(torch.autograd.Function):
    """The first two of :func:`dice_sums`, with its arguments.

    No one-hot labels are made, and of all that has the size of the logits only the probabilities are kept for the
    gradient, for which automatic differentiation would keep seven such tensors.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = logits.softmax(dim=1)
        own = probabilities.gather(1, labels.unsqueeze(1)).squeeze(1).mul_(weight)
        ctx.save_for_backward(probabilities, labels, weight, own)
        # Class by class, so that no map of all classes is made beside the probabilities.
        squares = [(values * weight * values).sum(dim=(1, 2)) for values in probabilities.unbind(dim=1)]
        return _summed_by_label(own, labels, num_classes=logits.shape[1]), torch.stack(squares, dim=1)

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


def _summed_by_label(values: Tensor, labels: Tensor, *, num_classes: int) -> Tensor:
    """Return the sum of the values, float (N, H, W), of the pixels of each label, float (N, classes)."""
    return values.new_zeros(len(values), num_classes).scatter_add_(1, labels.flatten(1), values.flatten(1))


def masked_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weight: Tensor,
    pixel_weight: Tensor | None = None,
    ignore_index: int = 255,
) -> Tensor:
    """Return the weighted mean cross entropy of the pixels that count, a scalar.

    Each pixel weighs its class weight times its pixel weight, and the sum is divided by the sum of those weights
    (``torch.nn.CrossEntropyLoss`` with ``weight`` and ``ignore_index``). 0 with zero gradient where no pixel counts.
    """
    losses = F.cross_entropy(logits, labels, weight=class_weight, ignore_index=ignore_index, reduction='none')
    valid = labels != ignore_index
    weight = class_weight[torch.where(valid, labels, 0)] * valid
    if pixel_weight is not None:
        losses = losses * pixel_weight
        weight = weight * pixel_weight
    # tiny: no sum of weights is changed by it but 0, and 0 / tiny is 0 with gradient 0.
    return losses.sum() / weight.sum().clamp(min=torch.finfo(logits.dtype).tiny)


def ohem_keep(logits: Tensor, labels: Tensor, *, thresh: float, min_kept: int, ignore_index: int = 255) -> Tensor:
    """Return which pixels are hard, bool (N, H, W): online hard example mining as in the official HRNet code.

    A pixel is hard where the probability of its true class is below ``thresh``; where fewer than ``min_kept`` pixels
    of the batch are, the threshold rises to the probability of the ``min_kept``-th hardest one (Shrivastava et al.,
    arXiv 1604.03540). The comparison is strict, so ``min_kept`` counts pixels up to ties.
    """
    with torch.no_grad():
        valid = labels != ignore_index
        safe = torch.where(valid, labels, 0).unsqueeze(1)
        probability = logits.softmax(dim=1).gather(1, safe).squeeze(1)
        hard = valid & (probability < thresh)
        if hard.device.type == 'cpu' and int(hard.sum()) > min_kept:
            return hard  # nothing to select; a GPU's host would have to wait for the number
        # The official code sorts the pixels that count and indexes the list from 0. Here those that do not count are
        # the easiest ones, so that nothing depends on how many there are, and nothing is sorted.
        candidates = torch.where(valid, probability, torch.inf).flatten()
        limit = candidates.kthvalue(min(min_kept, candidates.numel() - 1) + 1).values
        easiest = torch.where(valid, probability, -torch.inf).amax()  # where fewer pixels count than are to be kept
        limit = torch.where(limit.isinf(), easiest, limit)
        return valid & (probability < limit.clamp(min=thresh))


def pixel_accuracy(logits: Tensor, labels: Tensor, *, ignore_index: int) -> Tensor:
    """Return the share of the pixels that count whose most probable class is the label, in percent, a scalar.

    0 where no pixel counts. Nothing waits for the device of the tensors.

    Args:
        logits: float (N, C, H, W), or (N, 1, H, W) for two classes.
        labels: integer (N, H, W).
        ignore_index: label of pixels that do not count.
    """
    counted = labels != ignore_index
    scores = two_class_logits(logits)
    own = scores.gather(1, labels.clamp(0, scores.shape[1] - 1).unsqueeze(1)).squeeze(1)
    # Not argmax, which takes fifty times as long on a CPU. A pixel whose label shares the first place counts as right.
    right = (own >= scores.amax(dim=1)) & counted
    return 100 * right.sum() / torch.clamp(counted.sum(), min=1)
