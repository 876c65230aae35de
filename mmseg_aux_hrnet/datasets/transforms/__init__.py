"""Loading transforms."""

from mmseg_aux_hrnet.datasets.transforms.array_or_path import LoadArrayOrPath
from mmseg_aux_hrnet.datasets.transforms.loading import LoadLabel, LoadTile

__all__ = ('LoadArrayOrPath', 'LoadLabel', 'LoadTile')
