"""Looks at a few blocks of a raster, to say what values it holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

SIDE = 256  # pixels of a block
PER_AXIS = 3


def describe_values(dataset: Any, bands: Sequence[int]) -> str:
    """Return type and range of the values of some bands, from a few blocks: quick for any size.

    Args:
        dataset: of rasterio.
        bands: from 1.
    """
    kind = dataset.dtypes[bands[0] - 1]
    held = [values for window in _blocks(dataset.height, dataset.width) for values in _read(dataset, bands, window)]
    numbers = np.concatenate(held) if held else np.zeros(0)
    if not numbers.size:
        return f'the values are {kind}'
    return f'the values are {kind}, about {numbers.min():g} to {numbers.max():g}'


def _blocks(height: int, width: int) -> list[Window]:
    rows, cols = (
        sorted({(size - min(size, SIDE)) * i // (PER_AXIS - 1) for i in range(PER_AXIS)}) for size in (height, width)
    )
    return [Window(col, row, min(width, SIDE), min(height, SIDE)) for row in rows for col in cols]


def _read(dataset: Any, bands: Sequence[int], window: Window) -> list[NDArray[np.generic]]:
    """Return the valid, finite values; none where the file is damaged, which reading it will say."""
    try:
        values = dataset.read(list(bands), window=window, masked=True).compressed()
    except RasterioError:
        return []
    return [values[np.isfinite(values)]]
