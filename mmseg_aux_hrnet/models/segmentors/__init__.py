"""Whole models that mmseg lacks or gets wrong."""

from mmseg_aux_hrnet.models.segmentors.probability_tta import ProbabilityTTAModel

__all__ = ('ProbabilityTTAModel',)
