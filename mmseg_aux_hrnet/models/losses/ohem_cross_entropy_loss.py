"""Cross entropy over hard pixels."""

from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.losses.functional import ohem_keep
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss


@MODELS.register_module()
class OHEMCrossEntropyLoss(PixelLoss):
    """Mean of class-weighted cross entropy over the hard pixels, as in the official HRNet code.

    The mean divides by the number of hard pixels, not by their class weights, as the official code does. 0 where no
    pixel is hard.

    Args:
        thresh: a pixel is hard where the probability of its true class is below this, in (0, 1].
        min_kept: pixels of a batch that are kept at least, up to ties.
        **kwargs: as in :class:`PixelLoss`.

    Raises:
        ConfigError: ``thresh`` or ``min_kept`` is out of range.
    """

    loss_name = 'loss_ohem'

    def __init__(self, *, thresh: float = 0.9, min_kept: int = 131072, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 < thresh <= 1:
            raise ConfigError(f'thresh={thresh} is a probability: give a value above 0 and at most 1')
        if min_kept < 1:
            raise ConfigError(f'min_kept={min_kept} counts pixels: give at least 1')
        self.thresh = thresh
        self.min_kept = min_kept

    def compute(
        self, logits: Tensor, labels: Tensor, *, class_weight: Tensor, pixel_weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """Return the mean loss of the hard pixels in nats, a scalar."""
        keep = ohem_keep(logits, labels, thresh=self.thresh, min_kept=self.min_kept, ignore_index=ignore_index).to(
            logits.dtype
        )
        if pixel_weight is not None:
            keep = keep * pixel_weight
        losses = F.cross_entropy(logits, labels, weight=class_weight, ignore_index=ignore_index, reduction='none')
        return (losses * keep).sum() / keep.sum().clamp(min=torch.finfo(keep.dtype).tiny)
