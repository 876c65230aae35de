"""Opens a raster for the engine: with a bounded cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio

from mmseg_aux_hrnet.raster.source import RasterSource, Reading, open_source

GDAL_CACHE = 64  # MB; GDAL's own default is a share of the machine's memory


@contextmanager
def opened(path: Path, reading: Reading) -> Iterator[RasterSource]:
    """Open a raster for reading in one thread.

    Args:
        path: its file.
        reading: how its values become RGB.

    Raises:
        DataError: it cannot be read.
    """
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), open_source(path, reading) as source:
        yield source
