"""Cross entropy that divides by the weight of the pixels that count."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.models.losses.functional import masked_cross_entropy
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss


@MODELS.register_module()
class MaskedCrossEntropyLoss(PixelLoss):
    """Cross entropy with class weights that is right with ignored pixels and pixel weights.

    mmseg's ``CrossEntropyLoss`` divides by all pixels, ignored ones included, and fails with class weights next to
    ignored pixels (OpenMMLab 1.2.2) or next to ``avg_non_ignore=True`` (its fork 1.4.2).

    Args:
        loss_name: key in the log.
        **kwargs: ``class_weight`` and ``loss_weight`` of :class:`PixelLoss`.
    """

    def __init__(self, *, loss_name: str = 'loss_ce', **kwargs: Any) -> None:
        super().__init__(loss_name=loss_name, **kwargs)

    def compute(
        self, logits: Tensor, labels: Tensor, *, class_weight: Tensor, pixel_weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """Return the mean cross entropy in nats, a scalar."""
        return masked_cross_entropy(
            logits, labels, class_weight=class_weight, pixel_weight=pixel_weight, ignore_index=ignore_index
        )
