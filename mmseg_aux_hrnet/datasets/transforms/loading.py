"""Loads images and labels strictly, under the interface of mmseg's own loaders."""

from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from mmseg_aux_hrnet.datasets.tiles import read_label, read_rgb
from mmseg_aux_hrnet.errors import ConfigError, LabelError


@TRANSFORMS.register_module()
class LoadTile(LoadImageFromFile):
    """Load an image as three 8-bit channels, or say why not.

    Required keys: ``img_path``. Added keys: ``img``, uint8 (H, W, 3) in the order blue, green, red that mmseg's
    transforms expect; ``img_shape`` and ``ori_shape``, (H, W) in pixels.

    Raises (on call):
        ImageError: see :func:`~mmseg_aux_hrnet.datasets.tiles.read_rgb`.

    Raises (when built):
        ConfigError: another ``color_type`` than ``color`` is asked for.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.color_type != 'color':
            raise ConfigError(f"color_type={self.color_type!r} is not read here: use 'color', three 8-bit channels")

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the image."""
        image = np.ascontiguousarray(read_rgb(results['img_path'])[..., ::-1])
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results


@TRANSFORMS.register_module()
class LoadLabel(LoadAnnotations):
    """Load a label by the data set's rule; samples without label pass unchanged.

    Required keys: ``label_rule``, ``seg_map_path`` (absent where there is no label), ``label_map``, ``ori_shape``.
    Modified keys: ``seg_fields``. Added keys: ``gt_seg_map``, uint8 (H, W).

    Raises (on call):
        LabelError: see :func:`~mmseg_aux_hrnet.datasets.tiles.read_label`; or the label is of another size than the
            image.

    Raises (when built):
        ConfigError: ``reduce_zero_label`` is set.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get('reduce_zero_label'):
            raise ConfigError('reduce_zero_label would ignore class 0: leave it out, class 0 is the background here')
        super().__init__(**kwargs)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the label."""
        path = results.get('seg_map_path')
        if path is None:
            return results
        label = read_label(path, results['label_rule'])
        height, width = results['ori_shape'][:2]
        if label.shape != (height, width):
            raise LabelError(
                f'{path} is {label.shape[1]}x{label.shape[0]} pixels (width x height) but its image '
                f'{results["img_path"]} is {width}x{height}: both must cover the same pixels'
            )
        if results.get('label_map') is not None:
            label = _renumber(label, results['label_map'])
        results['gt_seg_map'] = label
        results['seg_fields'].append('gt_seg_map')
        return results


def _renumber(label: np.ndarray[Any, np.dtype[np.uint8]], label_map: dict[int, int]) -> Any:
    """Return ``label`` with each old class replaced by its new one."""
    table = np.arange(256, dtype=np.uint8)
    table[list(label_map)] = list(label_map.values())
    return table[label]
