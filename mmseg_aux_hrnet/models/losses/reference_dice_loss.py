"""The published Dice loss, faults included."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.losses.functional import reference_dice
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss


@MODELS.register_module()
class ReferenceDiceLoss(PixelLoss):
    """The Dice loss of the published aux-HRNet training, for reproducing it.

    See :func:`~mmseg_aux_hrnet.models.losses.functional.reference_dice` for what it computes and what is wrong with it;
    use :class:`MaskedDiceLoss` for everything else.

    Args:
        smooth: added to numerator and denominator, in pixels.
        exponent: power of probabilities and labels in the denominator.
        **kwargs: as in :class:`PixelLoss`.
    """

    loss_name = 'loss_dice'

    def __init__(self, *, smooth: float = 1.0, exponent: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.smooth = smooth
        self.exponent = exponent

    def compute(
        self, logits: Tensor, labels: Tensor, *, class_weight: Tensor, pixel_weight: Tensor | None, ignore_index: int
    ) -> Tensor:
        """Return the loss, a scalar.

        Raises:
            ConfigError: pixel weights are given; the original dropped them in silence.
        """
        if pixel_weight is not None:
            raise ConfigError(
                'ReferenceDiceLoss takes no pixel weights: remove the sampler from the head (the original ignored it) '
                'or use MaskedDiceLoss'
            )
        return reference_dice(
            logits,
            labels,
            class_weight=class_weight,
            smooth=self.smooth,
            exponent=self.exponent,
            ignore_index=ignore_index,
        )
