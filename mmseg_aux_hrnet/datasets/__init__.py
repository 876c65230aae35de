"""Data sets and their loading transforms, registered in mmseg's ``DATASETS`` and ``TRANSFORMS``."""

from mmseg_aux_hrnet.datasets.single_green import SingleGreenDataset
from mmseg_aux_hrnet.datasets.transforms import LoadArrayOrPath, LoadLabel, LoadTile
from mmseg_aux_hrnet.datasets.urbanisation import UrbanisationDataset

__all__ = ('LoadArrayOrPath', 'LoadLabel', 'LoadTile', 'SingleGreenDataset', 'UrbanisationDataset')
