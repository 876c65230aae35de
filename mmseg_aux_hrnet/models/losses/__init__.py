"""Losses that mmseg lacks or gets wrong."""

from mmseg_aux_hrnet.models.losses.distillation_loss import (
    ChannelwiseDistillationLoss,
    PairwiseDistillationLoss,
    PixelwiseDistillationLoss,
)
from mmseg_aux_hrnet.models.losses.masked_cross_entropy_loss import MaskedCrossEntropyLoss
from mmseg_aux_hrnet.models.losses.masked_dice_loss import MaskedDiceLoss
from mmseg_aux_hrnet.models.losses.ohem_cross_entropy_loss import OHEMCrossEntropyLoss
from mmseg_aux_hrnet.models.losses.reference_dice_loss import ReferenceDiceLoss

__all__ = (
    'ChannelwiseDistillationLoss',
    'MaskedCrossEntropyLoss',
    'MaskedDiceLoss',
    'OHEMCrossEntropyLoss',
    'PairwiseDistillationLoss',
    'PixelwiseDistillationLoss',
    'ReferenceDiceLoss',
)
