"""A 1x1 convolution of several branches as the sum of each branch's own, enlarged afterwards, free of state.

Shapes: branches, float (N, C_i, H_i, W_i), the finest first; weight, float (D, C, 1, 1) with C the sum of the C_i;
bias, float (D,). Both operations are linear and the weights of the interpolation of a pixel add up to 1, so the result
is that of the convolution of the enlarged and concatenated branches up to rounding, and so are all gradients.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 2**20  # values of a map that is worked on at a time: 4 MB stay in the cache of a core
BLOCK = 16  # channels: the width of the vectors of a CPU


def convolve_branches(
    branches: Sequence[Tensor], weight: Tensor, bias: Tensor | None, *, align_corners: bool
) -> Tensor:
    """Return the convolution at the resolution of the finest branch, float (N, D, H_0, W_0)."""
    finest, *coarser = branches
    parts = weight.split([branch.shape[1] for branch in branches], dim=1)
    total = F.conv2d(finest, parts[0], bias)
    for branch, part in zip(coarser, parts[1:], strict=True):
        # In place: nothing before it is needed for gradients.
        total += F.interpolate(F.conv2d(branch, part), total.shape[2:], mode='bilinear', align_corners=align_corners)
    return total


def classify_branches(
    branches: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    *,
    classifier: Tensor,
    classifier_bias: Tensor | None,
    align_corners: bool,
) -> Tensor:
    """Return the logits of convolution, ReLU and a 1x1 classifier, float (N, classes, H_0, W_0); without gradients.

    The D channels between the two convolutions are made a chunk at a time, so that they never leave the cache.

    Args:
        branches: see above.
        weight: of the convolution.
        bias: of the convolution.
        classifier: float (classes, D, 1, 1).
        classifier_bias: float (classes,).
        align_corners: of the interpolation.
    """
    height, width = branches[0].shape[2:]
    channels = max(CHUNK // (height * width) // BLOCK, 1) * BLOCK  # an image is summed up alike in any batch
    logits: Tensor | None = None
    for start in range(0, weight.shape[0], channels):
        chosen = slice(start, start + channels)
        part = convolve_branches(
            branches, weight[chosen], None if bias is None else bias[chosen], align_corners=align_corners
        )
        share = F.conv2d(part.relu_(), classifier[:, chosen], classifier_bias if logits is None else None)
        logits = share if logits is None else logits.add_(share)
    assert logits is not None  # a convolution has at least one channel
    return logits


def fold_norm(
    weight: Tensor, bias: Tensor | None, *, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution that gives what it and the batch norm behind it give.

    Args:
        weight: float (D, C, k, k).
        bias: float (D,).
        mean: of the batch norm, as variance, scale and shift: float (D,).
        variance: see mean.
        scale: see mean.
        shift: see mean.
        eps: of the batch norm.
    """
    factor = scale * torch.rsqrt(variance + eps)
    centre = mean if bias is None else mean - bias
    return weight * factor.view(-1, 1, 1, 1), shift - centre * factor
