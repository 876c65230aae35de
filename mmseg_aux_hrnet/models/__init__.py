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
from mmseg_aux_hrnet.models.wrappers import CPUDataParallel

__all__ = (
    'AuxFCNHead',
    'CPUDataParallel',
    'HRNetV2',
    'MaskedCrossEntropyLoss',
    'MaskedDiceLoss',
    'OHEMCrossEntropyLoss',
    'ProbabilityTTAModel',
    'ReferenceDiceLoss',
)
