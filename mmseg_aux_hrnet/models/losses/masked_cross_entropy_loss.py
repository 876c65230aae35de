"""Cross entropy that divides by the weight of the pixels that count."""

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.models.losses.functional import masked_cross_entropy
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss


@MODELS.register_module()
class MaskedCrossEntropyLoss(PixelLoss):
    """Cross entropy with class weights that is right with ignored pixels and pixel weights.

    mmseg's ``CrossEntropyLoss`` divides by all pixels, ignored ones included, and fails with class weights next to
    ignored pixels (OpenMMLab 1.2.2) or next to ``avg_non_ignore=True`` (its fork 1.4.2).

    It takes the arguments of :class:`PixelLoss`.
    """

    loss_name = 'loss_ce'

    def compute(
        self, logits: Tensor, labels: Tensor, *, class_weight: Tensor, pixel_weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """Return the mean cross entropy in nats, a scalar."""
        return masked_cross_entropy(
            logits, labels, class_weight=class_weight, pixel_weight=pixel_weight, ignore_index=ignore_index
        )
