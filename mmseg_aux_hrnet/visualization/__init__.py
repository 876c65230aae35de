"""Pictures of predictions and of training."""

from mmseg_aux_hrnet.visualization.curve import Curve, draw_curves, draw_figures, draw_loss
from mmseg_aux_hrnet.visualization.overlay import panels, side_by_side

__all__ = ('Curve', 'draw_curves', 'draw_figures', 'draw_loss', 'panels', 'side_by_side')
