"""The corrected Dice loss."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.losses.functional import masked_dice
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss


@MODELS.register_module()
class MaskedDiceLoss(PixelLoss):
    """Soft Dice over the pixels that count: ignored ones have no part in it, and pixel weights work (OHEM).

    See :func:`~mmseg_aux_hrnet.models.losses.functional.masked_dice` for the formula.

    Args:
        smooth: s in the formula, in pixels; positive, so that empty input is defined.
        **kwargs: as in :class:`PixelLoss`.

    Raises:
        ConfigError: ``smooth`` is not positive.
    """

    loss_name = 'loss_dice'

    def __init__(self, *, smooth: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if smooth <= 0:
            raise ConfigError(f'smooth={smooth} must be positive, otherwise an empty class divides 0 by 0')
        self.smooth = smooth

    def compute(
        self, logits: Tensor, labels: Tensor, *, class_weight: Tensor, pixel_weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """Return the loss, a scalar in [0, 1]."""
        return masked_dice(
            logits,
            labels,
            class_weight=class_weight,
            pixel_weight=pixel_weight,
            smooth=self.smooth,
            ignore_index=ignore_index,
        )
