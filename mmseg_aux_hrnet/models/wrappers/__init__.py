"""Wrappers that train one model in several processes."""

from mmseg_aux_hrnet.models.wrappers.cpu_data_parallel import CPUDataParallel

__all__ = ('CPUDataParallel',)
