"""aux-HRNet and HRNetV2 for MMSegmentation 1.x: importing it registers every class in mmseg's registries."""

from mmseg_aux_hrnet.quiet import quiet_imports
from mmseg_aux_hrnet.stack import check_stack, register_config_scopes
from mmseg_aux_hrnet.version import __version__

check_stack()
register_config_scopes()

with quiet_imports():
    from mmseg_aux_hrnet import datasets, engine, evaluation, models

__all__ = ('__version__', 'datasets', 'engine', 'evaluation', 'models')
