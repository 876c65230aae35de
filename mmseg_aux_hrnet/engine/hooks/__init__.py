"""Hooks: one lifecycle reason each."""

from mmseg_aux_hrnet.engine.hooks.class_count_hook import ClassCountHook
from mmseg_aux_hrnet.engine.hooks.curve_hook import CurveHook
from mmseg_aux_hrnet.engine.hooks.data_files_hook import DataFilesHook
from mmseg_aux_hrnet.engine.hooks.overlay_hook import OverlayHook
from mmseg_aux_hrnet.engine.hooks.shared_statistics_hook import SharedStatisticsHook

__all__ = ('ClassCountHook', 'CurveHook', 'DataFilesHook', 'OverlayHook', 'SharedStatisticsHook')
