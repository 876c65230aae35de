"""The share of pixels that a network has right, for the log of training."""

import torch
from torch import Tensor

from mmseg_aux_hrnet.models.losses.functional import two_class_logits


def pixel_accuracy(logits: Tensor, labels: Tensor, *, ignore_index: int) -> Tensor:
    """Return the share of the pixels that count whose most probable class is the label, in percent, a scalar.

    0 where no pixel counts. Nothing waits for the device of the tensors.

    Args:
        logits: float (N, C, H, W), or (N, 1, H, W) for two classes.
        labels: integer (N, H, W).
        ignore_index: label of pixels that do not count.
    """
    counted = labels != ignore_index
    right = (two_class_logits(logits).argmax(dim=1) == labels) & counted
    return 100 * right.sum() / torch.clamp(counted.sum(), min=1)
