"""Loads images and labels strictly, under the interface of mmseg's own loaders."""

from functools import partial
from typing import Any

import cv2
import numpy as np
import PIL
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations, LoadImageFromNDArray
from mmseg.registry import TRANSFORMS
from numpy.typing import NDArray
from PIL import features

from mmseg_aux_hrnet.datasets.cache import CACHE_GB, Decode, TileCache
from mmseg_aux_hrnet.datasets.georeference import is_for_gdal, side_files, turn_of_label
from mmseg_aux_hrnet.datasets.tiles import FAST, read_label, read_tile
from mmseg_aux_hrnet.errors import ConfigError, LabelError
from mmseg_aux_hrnet.registry import REGISTRIES

# What decoded pixels depend on beside their file. The number goes up when a reader here changes what it returns.
DECODER = f'2, Pillow {PIL.__version__}, libjpeg {features.version("libjpeg_turbo") or features.version("jpg")} {FAST}'
BGR = f'blue, green, red, {DECODER}'


@TRANSFORMS.register_module()
class LoadTile(LoadImageFromFile):
    """Load an image as three 8-bit channels, or say why not.

    Required keys: ``img_path``. Added keys: ``img``, uint8 or with ``to_float32`` float32 (H, W, 3), 0..255, in the
    order blue, green, red that mmseg's transforms expect; ``img_shape`` and ``ori_shape``, (H, W) in pixels; where a
    georeferenced tile has pixels without data, ``img_valid``, bool (H, W), False there.

    Args:
        cache_dir: folder that keeps decoded images, see :class:`~mmseg_aux_hrnet.datasets.cache.TileCache`; None
            decodes each time.
        cache_gb: room for everything in that folder, in GiB.
        **kwargs: as in mmcv; those that choose how files are fetched and decoded have no effect.

    Raises (on call):
        ImageError: see :func:`~mmseg_aux_hrnet.datasets.tiles.read_tile`.

    Raises (when built):
        ConfigError: another ``color_type`` than ``color`` is asked for, or the cache cannot be made.
    """

    def __init__(self, *, cache_dir: str | None = None, cache_gb: float = CACHE_GB, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.color_type != 'color':
            raise ConfigError(f"color_type={self.color_type!r} is not read here: use 'color', three 8-bit channels")
        self._cache = None if cache_dir is None else TileCache(cache_dir, gigabytes=cache_gb)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the image."""
        path = results['img_path']
        # Cached as BGR: turning it costs as much as reading an entry.
        image = _load(self._cache, path, recipe=BGR, decode=partial(read_tile, path))
        if image.shape[2] == 4:
            results['img_valid'] = image[..., 3] > 0
            image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results


@TRANSFORMS.register_module()
class LoadLabel(LoadAnnotations):
    """Load a label by the data set's rule; samples without label pass unchanged.

    Where image and label both say where they lie, they are compared by place, and a label that is stored another way up
    is turned as its image. Pixels without data in the image are ignored.

    Required keys: ``ori_shape``, and where there is a label ``img_path``, ``seg_map_path``, ``label_rule`` and
    ``seg_fields``. Optional keys: ``label_map``, the new class of each class; ``img_valid``, bool (H, W). Modified
    keys: ``seg_fields``. Added keys: ``gt_seg_map``, uint8 (H, W).

    Args:
        cache_dir: folder that keeps decoded labels, as for :class:`LoadTile`.
        cache_gb: room for everything in that folder, in GiB.
        **kwargs: as in mmseg.

    Raises (on call):
        LabelError: see :func:`~mmseg_aux_hrnet.datasets.tiles.read_label`; or the label is of another size, or lies at
            another place, than the image.

    Raises (when built):
        ConfigError: ``reduce_zero_label`` is set, or the cache cannot be made.
    """

    def __init__(self, *, cache_dir: str | None = None, cache_gb: float = CACHE_GB, **kwargs: Any) -> None:
        if kwargs.get('reduce_zero_label'):
            raise ConfigError('reduce_zero_label would ignore class 0: leave it out, class 0 is the background here')
        super().__init__(**kwargs)
        self._cache = None if cache_dir is None else TileCache(cache_dir, gigabytes=cache_gb)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the label."""
        path = results.get('seg_map_path')
        if path is None:
            return results
        rule = results['label_rule']
        label = _load(self._cache, path, recipe=f'{rule}, {DECODER}', decode=partial(read_label, path, rule))
        turn = turn_of_label(results['img_path'], path)
        if turn is not None:
            label = turn(label)
        height, width = results['ori_shape'][:2]
        if label.shape != (height, width):
            raise LabelError(
                f'{path} is {label.shape[1]}x{label.shape[0]} pixels (width x height) but its image '
                f'{results["img_path"]} is {width}x{height}: both must cover the same pixels'
            )
        if results.get('label_map') is not None:
            table = np.arange(256, dtype=np.uint8)
            table[list(results['label_map'])] = list(results['label_map'].values())
            label = table[label]
        if 'img_valid' in results:
            label = np.where(results['img_valid'], label, np.uint8(rule.ignore_index))
        results['gt_seg_map'] = label
        results['seg_fields'].append('gt_seg_map')
        return results


def _load(cache: TileCache | None, path: str, *, recipe: str, decode: Decode) -> NDArray[Any]:
    """Return the pixels of a file, kept in the cache where they depend on this file alone."""
    if cache is None:
        return decode(None)
    if is_for_gdal(path):
        from mmseg_aux_hrnet.raster.dataset import VERSION

        if side_files(path):  # with a mask or a nodata value in it
            return decode(None)
        recipe = f'{recipe}, {VERSION}'
    return cache.load(path, recipe=recipe, decode=decode)


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
