"""Trained models as files that run without this package: ONNX and PyTorch's own ``.pt2``."""

from mmseg_aux_hrnet.export.exporting import Exported, ExportSettings, export_model
from mmseg_aux_hrnet.export.summary import closing_line

__all__ = ('ExportSettings', 'Exported', 'closing_line', 'export_model')
