"""The published Dice loss, faults included."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.models.losses.functional import one_hot
from mmseg_aux_hrnet.models.losses.pixel_loss import PixelLoss


@MODELS.register_module()
class ReferenceDiceLoss(PixelLoss):
    """The Dice loss of the published aux-HRNet training, for reproducing it.

    Softmax, per class and image, mean over images, then over classes (weighted, divided by the number of classes).
    Ignored pixels are left out of the overlap but enter the denominator as the last class: a fault that is kept here,
    because the published numbers depend on it (MMSegmentation 0.18 ``DiceLoss``). Use :class:`MaskedDiceLoss` for
    everything else.

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
        num_classes = logits.shape[1]
        valid = (labels != ignore_index).unsqueeze(1).to(logits.dtype)
        probabilities = logits.softmax(dim=1)
        # The clamp is the fault: the ignored 255 becomes the last class.
        target = one_hot(labels.clamp(0, num_classes - 1), num_classes=num_classes).to(logits.dtype)
        overlap = (probabilities * target * valid).sum(dim=(2, 3)) * 2 + self.smooth
        total = (probabilities.pow(self.exponent) + target.pow(self.exponent)).sum(dim=(2, 3)) + self.smooth
        per_class = (1 - overlap / total).mean(dim=0)
        return (per_class * class_weight).sum() / num_classes
