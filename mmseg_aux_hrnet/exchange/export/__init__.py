"""Trained models as files that run without this package: ONNX and PyTorch's own ``.pt2``."""

from mmseg_aux_hrnet.exchange.export.exporting import ExportSettings, export_model

__all__ = ('ExportSettings', 'export_model')
