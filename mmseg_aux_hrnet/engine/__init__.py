"""What runs beside training and testing, registered in mmseg's ``HOOKS``."""

from mmseg_aux_hrnet.engine.hooks import ClassCountHook, CurveHook, DataFilesHook, OverlayHook

__all__ = ('ClassCountHook', 'CurveHook', 'DataFilesHook', 'OverlayHook')
