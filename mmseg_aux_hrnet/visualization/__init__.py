"""Pictures of predictions and of training."""

from mmseg_aux_hrnet.visualization.confusion_matrix import draw_confusion_matrix
from mmseg_aux_hrnet.visualization.contact_sheet import SheetTile, draw_contact_sheet, shrink
from mmseg_aux_hrnet.visualization.curve import Curve, draw_curves
from mmseg_aux_hrnet.visualization.overlay import panels, side_by_side
from mmseg_aux_hrnet.visualization.png import save_picture
from mmseg_aux_hrnet.visualization.reading import read_picture
from mmseg_aux_hrnet.visualization.threshold_curves import draw_sweep

__all__ = (
    'Curve',
    'SheetTile',
    'draw_confusion_matrix',
    'draw_contact_sheet',
    'draw_curves',
    'draw_sweep',
    'panels',
    'read_picture',
    'save_picture',
    'shrink',
    'side_by_side',
)
