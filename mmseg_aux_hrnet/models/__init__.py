"""Networks and losses, registered in mmseg's ``MODELS``."""

from mmseg_aux_hrnet.models.backbones import HRNetV2
from mmseg_aux_hrnet.models.decode_heads import AuxFCNHead
from mmseg_aux_hrnet.models.losses import (
    MaskedCrossEntropyLoss,
    MaskedDiceLoss,
    OHEMCrossEntropyLoss,
    ReferenceDiceLoss,
)
from mmseg_aux_hrnet.models.segmentors import ProbabilityTTAModel

__all__ = (
    'AuxFCNHead',
    'HRNetV2',
    'MaskedCrossEntropyLoss',
    'MaskedDiceLoss',
    'OHEMCrossEntropyLoss',
    'ProbabilityTTAModel',
    'ReferenceDiceLoss',
)
