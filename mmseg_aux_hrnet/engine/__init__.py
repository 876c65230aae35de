"""What runs around training and testing: hooks and samplers, registered in mmseg's registries, and training itself."""

from mmseg_aux_hrnet.engine.hooks import (
    ClassCountHook,
    CurveHook,
    EarlyStopHook,
    ExactResumeHook,
    FiniteHook,
    InterruptHook,
    OverlayHook,
    SkippedSampleHook,
    WholeCheckpointHook,
)
from mmseg_aux_hrnet.engine.samplers import ExactInfiniteSampler, ExactSampler
from mmseg_aux_hrnet.engine.training import train

__all__ = (
    'ClassCountHook',
    'CurveHook',
    'EarlyStopHook',
    'ExactInfiniteSampler',
    'ExactResumeHook',
    'ExactSampler',
    'FiniteHook',
    'InterruptHook',
    'OverlayHook',
    'SkippedSampleHook',
    'WholeCheckpointHook',
    'train',
)
