"""Reads a tile of a data set as the bands that a network is shown, by their names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.raster.bands import Band, by_name
from mmseg_aux_hrnet.raster.dataset import open_dataset, reading_rows
from mmseg_aux_hrnet.raster.source import value_rule
from mmseg_aux_hrnet.raster.values import Scale, to_8bit

GIVE_SCALE = 'give the data set a "scale", the (low, high) of each band that become 0 and 255'
# Side files are asked for by name: GDAL would list the folder for each tile, which may hold a hundred thousand.
AMONG_MANY = {'GDAL_DISABLE_READDIR_ON_OPEN': 'TRUE'}
READER = f'rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}'  # what decoded values depend on


def read_tile(path: str | Path, bands: Bands, *, stored: Sequence[str] | None = None) -> NDArray[np.uint8]:
    """Return all of a raster file in 8 bits, uint8 (H, W, bands), channels in the order of ``bands.loaded``.

    Args:
        path: the file; small enough for memory.
        bands: those that are needed, and the rule of their values.
        stored: names of all bands of the file, in its order, as a data set says; for files that do not name them.

    Raises:
        RasterError: the file is missing, damaged, or no raster.
        ConfigError: a band is missing or ambiguous, or the values need a rule.
    """
    place = Path(path)
    with open_dataset(place, **AMONG_MANY) as dataset:
        numbers = dict(zip(bands.names, _numbers(dataset, bands.names, stored), strict=True))
        rule = None if bands.scale is None else Scale.of(bands.scale)
        value_rule(dataset, list(numbers.values()), rule, advice=GIVE_SCALE)
        with reading_rows(place, Window(0, 0, dataset.width, dataset.height)):
            values = dataset.read([numbers[name] for name in bands.loaded])
    if bands.scale is not None:
        values = to_8bit(values, Scale.of(bands.of(bands.loaded).scale or ()))
    merged = cv2.merge(list(values))
    return np.asarray(merged).reshape(*merged.shape[:2], len(values))  # OpenCV drops the axis of a single band


def _numbers(dataset: Any, names: Sequence[str], stored: Sequence[str] | None) -> tuple[int, ...]:
    told = zip(dataset.indexes, dataset.colorinterp, dataset.descriptions, strict=True)
    described = [Band(number, colour.name, description or None) for number, colour, description in told]
    if stored is None or any(band.description for band in described):
        return by_name(described, names)
    if len(stored) != dataset.count or not set(names) <= set(stored):
        raise ConfigError(
            f'the file has {dataset.count} bands without names, and the data set says {", ".join(stored)}: correct '
            'the data set, or the file'
        )
    return tuple(list(stored).index(name) + 1 for name in names)
