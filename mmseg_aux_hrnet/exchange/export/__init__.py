"""Trained models as files that run without this package: ONNX and PyTorch's own ``.pt2``."""

from mmseg_aux_hrnet.exchange.export.exporting import Exported, ExportSettings, closing_line, export_model

__all__ = ('ExportSettings', 'Exported', 'closing_line', 'export_model')
