"""Transforms of training: loading, cutting, distorting and packing samples."""

from mmseg_aux_hrnet.datasets.transforms.copy_paste import CopyPaste
from mmseg_aux_hrnet.datasets.transforms.loading import LoadArrayOrPath, LoadLabel, LoadTile
from mmseg_aux_hrnet.datasets.transforms.packing import PackPlanes
from mmseg_aux_hrnet.datasets.transforms.photometric import RandomBrightnessShift, TablePhotoMetricDistortion
from mmseg_aux_hrnet.datasets.transforms.random_scaled_crop import RandomScaledCrop

__all__ = (
    'CopyPaste',
    'LoadArrayOrPath',
    'LoadLabel',
    'LoadTile',
    'PackPlanes',
    'RandomBrightnessShift',
    'RandomScaledCrop',
    'TablePhotoMetricDistortion',
)
