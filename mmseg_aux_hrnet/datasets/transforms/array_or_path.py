"""Loads what ``inference_model`` is given, an array or a path, in any order."""

from typing import Any

from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadImageFromNDArray

from mmseg_aux_hrnet.registry import REGISTRIES


@REGISTRIES['TRANSFORMS'].register_module(name='LoadImageFromNDArray')
class LoadArrayOrPath(LoadImageFromNDArray):
    """Load an image from an array, or from its file.

    On the first array, ``inference_model`` renames the loader in the model's config to ``LoadImageFromNDArray``, for
    good, and fails at the next path. Within the scope of this package, ``dict(type='LoadImageFromFile',
    _scope_='mmseg_aux_hrnet')``, that name means this class.

    Required keys: ``img``, an image as (H, W, 3), or ``img_path``. Added keys: ``img``, ``img_shape``, ``ori_shape``.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the image."""
        loaded = super().transform(results) if 'img' in results else LoadImageFromFile.transform(self, results)
        return dict(loaded)
