"""Opens a raster for the engine: with a bounded cache, and with nothing valid outside the area of interest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from mmseg_aux_hrnet.raster.aoi import AreaOfInterest
from mmseg_aux_hrnet.raster.source import Patch, RasterSource, Reading, open_source

GDAL_CACHE = 64  # MB; GDAL's own default is a share of the machine's memory


class ClippedSource:
    """A raster of which only an area is valid; what lies outside is not even read.

    Args:
        source: the whole raster.
        area: the area of interest.
    """

    def __init__(self, source: RasterSource, area: AreaOfInterest) -> None:
        self._source = source
        self._area = area

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window."""
        inside = self._area.mask(window, self._source.transform)
        if not inside.any():
            return Patch(np.zeros((*inside.shape, 3), np.uint8), inside)
        image, valid = self._source.read(window)
        return Patch(image, valid & inside)


@contextmanager
def opened(path: Path, reading: Reading, area: AreaOfInterest | None) -> Iterator[RasterSource | ClippedSource]:
    """Open a raster for reading in one thread.

    Args:
        path: its file.
        reading: how its values become RGB.
        area: the area of interest; None for all of it.

    Raises:
        DataError: it cannot be read.
    """
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), open_source(path, reading) as source:
        yield source if area is None else ClippedSource(source, area)
