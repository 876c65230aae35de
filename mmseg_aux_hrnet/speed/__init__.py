"""Lets a network train and predict as fast as its machine can: one switch, ``--speed``, with three levels."""

from mmseg_aux_hrnet.speed.applying import apply
from mmseg_aux_hrnet.speed.hardware import has_bfloat16
from mmseg_aux_hrnet.speed.levels import DEFAULT, LEVELS, Level, check_level
from mmseg_aux_hrnet.speed.training_config import set_speed

__all__ = ('DEFAULT', 'LEVELS', 'Level', 'apply', 'check_level', 'has_bfloat16', 'set_speed')
