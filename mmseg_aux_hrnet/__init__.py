"""aux-HRNet and HRNetV2 for MMSegmentation 1.x: importing it registers every class in mmseg's registries."""

from mmseg_aux_hrnet.stack import check_stack, config, quiet_imports, register_config_scopes
from mmseg_aux_hrnet.version import __version__

check_stack()
register_config_scopes()

with quiet_imports():
    from mmseg_aux_hrnet import datasets, engine, evaluation, models
    from mmseg_aux_hrnet.weights import allow_own_checkpoints

allow_own_checkpoints()

__all__ = ('__version__', 'config', 'datasets', 'engine', 'evaluation', 'models')
