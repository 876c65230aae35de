"""Data sets and their loading transforms, registered in mmseg's ``DATASETS`` and ``TRANSFORMS``."""

from mmseg_aux_hrnet.datasets.single_green import SingleGreenDataset
from mmseg_aux_hrnet.datasets.transforms import LoadLabel, LoadTile
from mmseg_aux_hrnet.datasets.urbanisation import UrbanisationDataset

__all__ = ('LoadLabel', 'LoadTile', 'SingleGreenDataset', 'UrbanisationDataset')
