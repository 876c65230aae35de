"""Looks at a few blocks of a raster, to say what values it holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

SIDE = 256  # pixels of a block
PER_AXIS = 3


def sample_values(dataset: Any, bands: Sequence[int]) -> NDArray[np.generic]:
    """Return the valid, finite values of some blocks all over a raster, (N,): quick for any size.

    Args:
        dataset: of rasterio.
        bands: from 1.
    """
    held = [_read(dataset, bands, window) for window in _blocks(dataset.height, dataset.width)]
    return np.concatenate(held)


def describe_values(dataset: Any, bands: Sequence[int]) -> str:
    """Return type and range of the values of some bands, as a clause."""
    kind, values = dataset.dtypes[bands[0] - 1], sample_values(dataset, bands)
    if not values.size:
        return f'the values are {kind}'
    return f'the values are {kind}, about {values.min():g} to {values.max():g}'


def _blocks(height: int, width: int) -> list[Window]:
    rows, cols = _starts(height), _starts(width)
    return [Window(col, row, min(width, SIDE), min(height, SIDE)) for row in rows for col in cols]


def _starts(size: int) -> list[int]:
    spare = max(size - SIDE, 0)
    return sorted({spare * i // (PER_AXIS - 1) for i in range(PER_AXIS)})


def _read(dataset: Any, bands: Sequence[int], window: Window) -> NDArray[np.generic]:
    try:
        values = dataset.read(list(bands), window=window, masked=True).compressed()
    except RasterioError:  # damaged there: whoever reads that window is told
        return np.zeros(0, np.result_type(*(dataset.dtypes[band - 1] for band in bands)))
    finite: NDArray[np.generic] = values[np.isfinite(values)]
    return finite
