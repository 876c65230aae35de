"""Loads images and labels strictly, under the interface of mmseg's own loaders."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import PIL
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations, LoadImageFromNDArray
from mmseg.registry import TRANSFORMS
from numpy.typing import NDArray
from PIL import features

from mmseg_aux_hrnet.bands import RGB, make_bands
from mmseg_aux_hrnet.datasets.band_images import read_bands
from mmseg_aux_hrnet.datasets.cache import CACHE_GB, Decode, TileCache
from mmseg_aux_hrnet.datasets.georeference import is_for_gdal, side_files, turn_of_label
from mmseg_aux_hrnet.datasets.tiles import FAST, read_label, read_tile
from mmseg_aux_hrnet.errors import ConfigError, ImageError, LabelError
from mmseg_aux_hrnet.registry import REGISTRIES

# What decoded pixels depend on beside their file. The number goes up when a reader here changes what it returns.
DECODER = f'2, Pillow {PIL.__version__}, libjpeg {features.version("libjpeg_turbo") or features.version("jpg")} {FAST}'
BGR = f'blue, green, red, {DECODER}'
BANDS = 'bands 1'  # the number as in DECODER
PICTURES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp')  # which name no bands but red, green and blue


@TRANSFORMS.register_module()
class LoadTile(LoadImageFromFile):
    """Load an image as 8-bit channels, three unless ``bands`` says otherwise, or say why not.

    Required keys: ``img_path``. Added keys: ``img``, uint8 or with ``to_float32`` float32 (H, W, channels), 0..255:
    three channels in the order blue, green, red that mmseg's transforms expect, else the bands in their order, see
    :class:`~mmseg_aux_hrnet.bands.Bands`; ``img_shape`` and ``ori_shape``, (H, W) in pixels; ``bands``, the names of
    the channels, where they are not blue, green, red; and where a georeferenced tile has pixels without data,
    ``img_valid``, bool (H, W), False there.

    Args:
        bands: names of the bands that are loaded, found by description or colour interpretation in whatever order a
            file has them; None for red, green and blue as every reader knows them.
        scale: for each band the stored values (low, high) that become 0 and 255, or one pair for all; None for files of
            8 bits.
        stored: names of all bands of the files in their order, for files that do not name them.
        cache_dir: folder that keeps decoded images, see :class:`~mmseg_aux_hrnet.datasets.cache.TileCache`; None
            decodes each time.
        cache_gb: room for everything in that folder, in GiB.
        **kwargs: as in mmcv; those that choose how files are fetched and decoded have no effect.

    Raises (on call):
        ImageError: see :func:`~mmseg_aux_hrnet.datasets.tiles.read_tile` and
            :func:`~mmseg_aux_hrnet.datasets.band_images.read_bands`.

    Raises (when built):
        ConfigError: another ``color_type`` than ``color`` is asked for, the bands or their rule are not what they must
            be, or the cache cannot be made.
    """

    def __init__(
        self,
        *,
        bands: Sequence[str] | None = None,
        scale: Sequence[Any] | None = None,
        stored: Sequence[str] | None = None,
        cache_dir: str | None = None,
        cache_gb: float = CACHE_GB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if self.color_type != 'color':
            raise ConfigError(f"color_type={self.color_type!r} is not read here: use 'color', three 8-bit channels")
        self.bands = make_bands(bands, scale)
        self._stored = None if stored is None else make_bands(stored).names
        # Red, green and blue of a file with other bands are found by name, where a config asks for them so.
        self._by_name = bands is not None or scale is not None
        self._cache = None if cache_dir is None else TileCache(cache_dir, gigabytes=cache_gb)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the image."""
        path, bands = results['img_path'], self.bands
        if self._by_name and not (bands.plain and str(path).lower().endswith(PICTURES)):
            recipe, decode = f'{BANDS}, {bands}, {self._stored}', partial(self._read_bands, path)
        else:  # cached as BGR: turning it costs as much as reading an entry
            recipe, decode = BGR, partial(read_tile, path)
        image = _load(self._cache, path, recipe=recipe, decode=decode)
        if image.shape[2] > len(bands.names):
            results['img_valid'] = image[..., -1] > 0
            image = np.ascontiguousarray(image[..., :-1])
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        if bands.names != RGB:
            results['bands'] = bands.loaded
        return results

    def _read_bands(self, path: str, content: bytes | None) -> NDArray[Any]:  # content: names may lie beside the file
        return read_bands(path, self.bands, stored=self._stored)


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


@REGISTRIES['TRANSFORMS'].register_module(name=['LoadImageFromNDArray', 'LoadImageFromFile'])
class LoadArrayOrPath(LoadImageFromNDArray):
    """Load an image from an array, or from its file.

    On the first array, ``inference_model`` renames the loader in the model's config to ``LoadImageFromNDArray``, for
    good, and fails at the next path. Within the scope of this package, ``dict(type='LoadImageFromFile',
    _scope_='mmseg_aux_hrnet')``, that name means this class.

    Required keys: ``img``, an image as (H, W, channels), or ``img_path``. Added keys: ``img``, ``img_shape``,
    ``ori_shape``.

    Args:
        bands: as in :class:`LoadTile`, which then loads files. Arrays hold them in the order of their names, three in
            reverse (blue, green, red), in 8 bits after ``scale``.
        scale: as in :class:`LoadTile`.
        stored: as in :class:`LoadTile`.
        **kwargs: as in mmcv.

    Raises (on call):
        ImageError: an array has another number of channels; or see :class:`LoadTile`.
    """

    def __init__(
        self,
        *,
        bands: Sequence[str] | None = None,
        scale: Sequence[Any] | None = None,
        stored: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._tile = None if bands is None else LoadTile(bands=bands, scale=scale, stored=stored, **kwargs)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the image."""
        if 'img' not in results:
            loaded = LoadImageFromFile.transform(self, results) if self._tile is None else self._tile.transform(results)
            return dict(loaded)
        loaded = dict(super().transform(results))
        if self._tile is not None:
            names, shape = self._tile.bands.loaded, loaded['img'].shape
            if shape[2:] != (len(names),):
                raise ImageError(f'an array of {shape}: (height, width, {len(names)}) is needed, of {", ".join(names)}')
            loaded['bands'] = names
        return loaded
