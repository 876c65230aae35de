"""Networks and losses, registered in mmseg's ``MODELS``."""

from mmseg_aux_hrnet.models.backbones import HRNetV2
from mmseg_aux_hrnet.models.decode_heads import AuxFCNHead, BranchwiseFCNHead
from mmseg_aux_hrnet.models.losses import (
    ChannelwiseDistillationLoss,
    MaskedCrossEntropyLoss,
    MaskedDiceLoss,
    OHEMCrossEntropyLoss,
    PairwiseDistillationLoss,
    PixelwiseDistillationLoss,
    ReferenceDiceLoss,
)
from mmseg_aux_hrnet.models.segmentors import (
    DistilledEncoderDecoder,
    ProbabilityTTAModel,
    decide_by_threshold,
    head_threshold,
    use_threshold,
)
from mmseg_aux_hrnet.models.segmentors.preprocessing import BandDataPreProcessor, FilledEncoderDecoder, fill_sizes
from mmseg_aux_hrnet.models.wrappers import CPUDataParallel

__all__ = (
    'AuxFCNHead',
    'BandDataPreProcessor',
    'BranchwiseFCNHead',
    'CPUDataParallel',
    'ChannelwiseDistillationLoss',
    'DistilledEncoderDecoder',
    'FilledEncoderDecoder',
    'HRNetV2',
    'MaskedCrossEntropyLoss',
    'MaskedDiceLoss',
    'OHEMCrossEntropyLoss',
    'PairwiseDistillationLoss',
    'PixelwiseDistillationLoss',
    'ProbabilityTTAModel',
    'ReferenceDiceLoss',
    'decide_by_threshold',
    'fill_sizes',
    'head_threshold',
    'use_threshold',
)
