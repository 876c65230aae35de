"""Takes the batch norms of a network for prediction into the convolutions before them."""

import torch
from mmcv.cnn.utils import fuse_conv_bn
from torch import nn


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Fold every batch norm of ``model`` that directly follows a convolution into it, in place, and return the model.

    Results in evaluation mode differ by rounding only. The model has other state-dict keys then and cannot be trained.
    """
    with torch.no_grad():
        folded: nn.Module = fuse_conv_bn(model)
    return folded.eval().requires_grad_(False)
