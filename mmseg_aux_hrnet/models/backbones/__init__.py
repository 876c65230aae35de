"""Backbones that mmseg lacks."""

from mmseg_aux_hrnet.models.backbones.hrnet_v2 import ARCHS, HRNetV2

__all__ = ('ARCHS', 'HRNetV2')
