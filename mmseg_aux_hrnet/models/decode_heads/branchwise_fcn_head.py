"""mmseg's FCN decoder over branches, computed branch by branch where that is faster."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import torch
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from mmseg_aux_hrnet.models.losses.functional import pixel_accuracy

CHUNK = 2**20  # values of a map that is worked on at a time: 4 MB stay in the cache of a core
BLOCK = 16  # channels: the width of the vectors of a CPU

HeadForm = Literal['auto', 'plain']


def convolve_branches(
    branches: Sequence[Tensor], weight: Tensor, bias: Tensor | None, *, align_corners: bool
) -> Tensor:
    """Return a 1x1 convolution of branches that are enlarged to the finest and put together, without doing either.

    Args:
        branches: float (N, C_i, H_i, W_i), the finest first.
        weight: float (D, sum of C_i, 1, 1).
        bias: float (D,).
        align_corners: of the interpolation.

    Returns:
        The convolution at the resolution of the finest branch, float (N, D, H_0, W_0).
    """
    finest, *coarser = branches
    parts = weight.split([branch.shape[1] for branch in branches], dim=1)
    total = F.conv2d(finest, parts[0], bias)
    for branch, part in zip(coarser, parts[1:], strict=True):
        # In place: nothing before it is needed for gradients, and a map of this size takes long to allocate.
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
        branches: as in :func:`convolve_branches`, and so weight, bias and align_corners.
        weight: see branches.
        bias: see branches.
        classifier: float (classes, D, 1, 1).
        classifier_bias: float (classes,).
        align_corners: see branches.
    """
    height, width = branches[0].shape[2:]
    # By the size of one image: with that of the batch, an image would be summed up in another order in another batch.
    channels = max(CHUNK // (height * width) // BLOCK, 1) * BLOCK
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


@MODELS.register_module()
class BranchwiseFCNHead(FCNHead):
    """mmseg's ``FCNHead`` with the same arguments, state-dict keys and results up to rounding.

    With ``input_transform='resize_concat'`` and one 1x1 convolution, the enlarged branches are never put together: each
    branch is convolved by its part of the weights at its own resolution, and the results are enlarged and added, which
    takes 8 times fewer multiply-adds for the four branches of HRNetV2. Everything else, and every head with other
    settings, is computed by ``FCNHead``. Logits are float32 also in half precision, where enlarging them and the sums
    of losses would lose digits.

    Attributes:
        form: ``auto`` goes branch by branch on a CPU and in a compiled network, and in the plain form in eager mode on
            other devices, where the additional maps cost more than the multiply-adds; ``plain`` is ``FCNHead``'s.
        compiled: compute the logits with ``torch.compile``.
    """

    form: HeadForm = 'auto'
    compiled: bool = False

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits of the maps of a backbone, float (N, classes, H, W) at the resolution of the finest."""
        logits: Tensor = _compiled_logits()(self, inputs) if self.compiled else self.logits(inputs)
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

    def logits(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits in the precision of the network."""
        folded = self._folded_convolution(inputs) if self._goes_branchwise(inputs) else None
        if folded is None:
            logits: Tensor = super().forward(inputs)
            return logits
        weight, bias = folded
        return classify_branches(
            [inputs[index] for index in self.in_index],
            weight,
            bias,
            classifier=self.conv_seg.weight,
            classifier_bias=self.conv_seg.bias,
            align_corners=self.align_corners,
        )

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list[Any]) -> dict[str, Tensor]:
        """Return the losses, and the share of pixels that are right in percent, at the size of the labels.

        mmseg's own way picks the pixels that count, so that a GPU's host has to wait for their number.
        """
        labels = self._stack_batch_gt(batch_data_samples)
        logits = nn.functional.interpolate(
            seg_logits, labels.shape[2:], mode='bilinear', align_corners=self.align_corners
        )
        weight = None if self.sampler is None else self.sampler.sample(logits, labels)
        labels = labels.squeeze(1)
        losses: dict[str, Tensor] = {}
        terms: Any = self.loss_decode if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]
        for term in terms:
            value = term(logits, labels, weight=weight, ignore_index=self.ignore_index)
            losses[term.loss_name] = losses[term.loss_name] + value if term.loss_name in losses else value
        losses['acc_seg'] = pixel_accuracy(logits.detach(), labels, ignore_index=self.ignore_index)
        return losses

    def _forward_feature(self, inputs: Sequence[Tensor]) -> Tensor:
        if not self._goes_branchwise(inputs):
            features: Tensor = super()._forward_feature(inputs)
            return features
        block = self.convs[0]
        branches = [inputs[index] for index in self.in_index]
        features = convolve_branches(branches, block.conv.weight, block.conv.bias, align_corners=self.align_corners)
        if block.with_norm:
            features = block.norm(features)
        return block.activate(features) if block.with_activation else features

    def _goes_branchwise(self, inputs: Sequence[Tensor]) -> bool:
        """Say whether this form is faster here, and the head has one plain 1x1 convolution."""
        if self.form == 'plain' or not (inputs[0].device.type == 'cpu' or torch.compiler.is_compiling()):
            return False
        if self.input_transform != 'resize_concat' or self.num_convs != 1 or self.concat_input:
            return False
        block = self.convs[0]
        conv = block.conv
        return (
            type(conv) is nn.Conv2d  # a subclass may compute something else
            and (conv.kernel_size, conv.padding, conv.groups) == ((1, 1), (0, 0), 1)
            and block.order == ('conv', 'norm', 'act')
            and not block.with_spectral_norm
        )

    def _folded_convolution(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor | None] | None:
        """Return weight and bias of the convolution with its batch norm taken in.

        None where gradients or the features are wanted, or norm, activation or classifier are others than HRNetV2's.
        """
        if torch.is_grad_enabled() or self.training or torch.compiler.is_compiling():
            return None
        if inputs[0].device.type != 'cpu' or torch.is_autocast_enabled('cpu'):
            return None
        block = self.convs[0]
        # A distillation looks at the input of the classifier by a hook; torch has no public way to ask for hooks.
        if any(part._forward_hooks or part._forward_pre_hooks for part in (*self.convs.modules(), self.conv_seg)):
            return None
        if not (block.with_activation and type(block.activate) is nn.ReLU and type(self.conv_seg) is nn.Conv2d):
            return None
        conv, norm = block.conv, block.norm
        if norm is None or type(norm) is nn.Identity:  # Identity: its batch norm was folded for good
            return conv.weight, conv.bias
        if type(norm) not in (nn.BatchNorm2d, nn.SyncBatchNorm) or not norm.affine or norm.running_mean is None:
            return None
        return fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )


@cache
def _compiled_logits() -> Any:
    # Not an attribute of the head: its copies, such as that of EMAHook, would go on computing with the original.
    return torch.compile(lambda head, inputs: head.logits(inputs))
