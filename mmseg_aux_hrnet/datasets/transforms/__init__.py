"""Strict loading transforms."""

from mmseg_aux_hrnet.datasets.transforms.loading import LoadLabel, LoadTile

__all__ = ('LoadLabel', 'LoadTile')
