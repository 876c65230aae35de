"""Whole models that mmseg lacks or gets wrong."""

from mmseg_aux_hrnet.models.segmentors.distilled_encoder_decoder import DistilledEncoderDecoder
from mmseg_aux_hrnet.models.segmentors.probability_tta import ProbabilityTTAModel
from mmseg_aux_hrnet.models.segmentors.threshold_decision import decide_by_threshold, head_threshold, use_threshold

__all__ = ('DistilledEncoderDecoder', 'ProbabilityTTAModel', 'decide_by_threshold', 'head_threshold', 'use_threshold')
