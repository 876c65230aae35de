"""Decoders that mmseg lacks."""

from mmseg_aux_hrnet.models.decode_heads.aux_fcn_head import AuxFCNHead

__all__ = ('AuxFCNHead',)
