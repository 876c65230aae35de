"""Data sets and their transforms, registered in mmseg's ``DATASETS`` and ``TRANSFORMS``."""

from mmseg_aux_hrnet.datasets.single_green import SingleGreenDataset
from mmseg_aux_hrnet.datasets.tile_dataset import TileDataset
from mmseg_aux_hrnet.datasets.transforms import (
    LoadArrayOrPath,
    LoadLabel,
    LoadTile,
    PackPlanes,
    RandomBrightnessShift,
    RandomScaledCrop,
    TablePhotoMetricDistortion,
)
from mmseg_aux_hrnet.datasets.urbanisation import UrbanisationDataset

__all__ = (
    'LoadArrayOrPath',
    'LoadLabel',
    'LoadTile',
    'PackPlanes',
    'RandomBrightnessShift',
    'RandomScaledCrop',
    'SingleGreenDataset',
    'TablePhotoMetricDistortion',
    'TileDataset',
    'UrbanisationDataset',
)
