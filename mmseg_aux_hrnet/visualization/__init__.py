"""Pictures of predictions and of training."""

from mmseg_aux_hrnet.visualization.curve import Curve, draw_curves
from mmseg_aux_hrnet.visualization.overlay import panels, side_by_side

__all__ = ('Curve', 'draw_curves', 'panels', 'side_by_side')
