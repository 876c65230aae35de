"""Decoders that mmseg lacks."""

from mmseg_aux_hrnet.models.decode_heads.aux_fcn_head import AuxFCNHead
from mmseg_aux_hrnet.models.decode_heads.branchwise_fcn_head import BranchwiseFCNHead

__all__ = ('AuxFCNHead', 'BranchwiseFCNHead')
