"""Hooks, each for one task of a run beside its steps, registered in mmseg's registry."""

from mmseg_aux_hrnet.engine.hooks.contact_sheet_hook import ContactSheetHook
from mmseg_aux_hrnet.engine.hooks.curve_hook import CurveHook
from mmseg_aux_hrnet.engine.hooks.data_check_hooks import ClassCountHook, DataFilesHook
from mmseg_aux_hrnet.engine.hooks.early_stop_hook import EarlyStopHook
from mmseg_aux_hrnet.engine.hooks.exact_resume_hook import ExactResumeHook
from mmseg_aux_hrnet.engine.hooks.finite_hook import FiniteHook
from mmseg_aux_hrnet.engine.hooks.interrupt_hook import InterruptHook
from mmseg_aux_hrnet.engine.hooks.late_runtime_info_hook import LateRuntimeInfoHook
from mmseg_aux_hrnet.engine.hooks.leave_out_hook import LeaveOutHook
from mmseg_aux_hrnet.engine.hooks.overlay_hook import OverlayHook
from mmseg_aux_hrnet.engine.hooks.progress_hook import ProgressHook
from mmseg_aux_hrnet.engine.hooks.shared_statistics_hook import SharedStatisticsHook
from mmseg_aux_hrnet.engine.hooks.skipped_sample_hook import SkippedSampleHook
from mmseg_aux_hrnet.engine.hooks.track_hook import TrackHook
from mmseg_aux_hrnet.engine.hooks.whole_checkpoint_hook import WholeCheckpointHook

__all__ = (
    'ClassCountHook',
    'ContactSheetHook',
    'CurveHook',
    'DataFilesHook',
    'EarlyStopHook',
    'ExactResumeHook',
    'FiniteHook',
    'InterruptHook',
    'LateRuntimeInfoHook',
    'LeaveOutHook',
    'OverlayHook',
    'ProgressHook',
    'SharedStatisticsHook',
    'SkippedSampleHook',
    'TrackHook',
    'WholeCheckpointHook',
)
