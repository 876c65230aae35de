"""mmseg's FCN decoder over branches, computed branch by branch where that is faster."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import torch
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg_aux_hrnet.models.losses.functional import pixel_accuracy

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


Form = Literal['auto', 'plain']


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

    form: Form = 'auto'
    compiled: bool = False

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits of the maps of a backbone, float (N, classes, H, W) at the resolution of the finest."""
        logits: Tensor = _compiled_logits()(self, inputs) if self.compiled else self.logits(inputs)
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

    def logits(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits in the precision of the network."""
        if not (self._goes_branchwise(inputs) and self._only_logits_count(inputs)):
            logits: Tensor = super().forward(inputs)
            return logits
        weight, bias = _folded(self.convs[0])
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
        if self.form == 'plain' or not self._is_one_1x1_convolution():
            return False
        return inputs[0].device.type == 'cpu' or torch.compiler.is_compiling()

    def _is_one_1x1_convolution(self) -> bool:
        if self.input_transform != 'resize_concat' or self.num_convs != 1 or self.concat_input:
            return False
        block = self.convs[0]
        conv = block.conv
        return (
            type(conv) is nn.Conv2d
            and (conv.kernel_size, conv.padding, conv.groups) == ((1, 1), (0, 0), 1)
            and block.order == ('conv', 'norm', 'act')
            and not block.with_spectral_norm
        )

    def _only_logits_count(self, inputs: Sequence[Tensor]) -> bool:
        """Say whether nobody asks for gradients or for the features, and norm and activation are those of HRNetV2."""
        if torch.is_grad_enabled() or self.training or torch.compiler.is_compiling():
            return False
        if inputs[0].device.type != 'cpu' or torch.is_autocast_enabled('cpu'):
            return False
        block = self.convs[0]
        if any(part._forward_hooks or part._forward_pre_hooks for part in (*self.convs.modules(), self.conv_seg)):
            return False  # a distillation looks at the input of the classifier
        ends_plainly = block.with_activation and type(block.activate) is nn.ReLU and type(self.conv_seg) is nn.Conv2d
        return ends_plainly and _can_be_folded(block.norm)


@cache
def _compiled_logits() -> Any:
    # Not an attribute of the head: its copies, such as that of EMAHook, would go on computing with the original.
    return torch.compile(lambda head, inputs: head.logits(inputs))


def _can_be_folded(norm: Any) -> bool:
    if norm is None or type(norm) is nn.Identity:
        return True
    return type(norm) in (nn.BatchNorm2d, nn.SyncBatchNorm) and bool(norm.affine) and norm.running_mean is not None


def _folded(block: Any) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of the convolution of a ``ConvModule``, its batch norm taken in."""
    conv, norm = block.conv, block.norm
    if norm is None or isinstance(norm, nn.Identity):
        return conv.weight, conv.bias
    return fold_norm(
        conv.weight,
        conv.bias,
        mean=norm.running_mean,
        variance=norm.running_var,
        scale=norm.weight,
        shift=norm.bias,
        eps=norm.eps,
    )
