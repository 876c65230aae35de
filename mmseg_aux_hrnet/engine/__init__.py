"""The parts around training and testing: hooks, samplers and a scheduler, registered in mmseg's registries."""

from mmseg_aux_hrnet.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmseg_aux_hrnet.engine.hooks import (
    ClassCountHook,
    ContactSheetHook,
    CurveHook,
    DataFilesHook,
    EarlyStopHook,
    ExactResumeHook,
    FiniteHook,
    InterruptHook,
    LateRuntimeInfoHook,
    LeaveOutHook,
    OverlayHook,
    ProgressHook,
    SharedStatisticsHook,
    SkippedSampleHook,
    TrackHook,
    WholeCheckpointHook,
)
from mmseg_aux_hrnet.engine.samplers import ExactInfiniteSampler, ExactSampler
from mmseg_aux_hrnet.engine.schedule import MmcvLR

__all__ = (
    'BFloat16OptimWrapper',
    'ClassCountHook',
    'ContactSheetHook',
    'CurveHook',
    'DataFilesHook',
    'EarlyStopHook',
    'ExactInfiniteSampler',
    'ExactResumeHook',
    'ExactSampler',
    'FiniteHook',
    'InterruptHook',
    'LateRuntimeInfoHook',
    'LeaveOutHook',
    'MmcvLR',
    'OverlayHook',
    'ProgressHook',
    'SharedStatisticsHook',
    'SkippedSampleHook',
    'TrackHook',
    'WholeCheckpointHook',
)
