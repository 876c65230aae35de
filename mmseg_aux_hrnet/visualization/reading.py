"""Reads the image of a sample as a picture: red, green and blue, or three other bands in their place."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.errors import ConfigError, ImageError, RasterError


def read_picture(path: str | Path, bands: Bands, *, show: Sequence[str] | None = None) -> NDArray[np.uint8]:
    """Return an image as it is shown, uint8 (H, W, 3).

    Args:
        path: the file.
        bands: those of the data set, which scales their values.
        show: three of them, shown as red, green and blue; None for what :meth:`~mmseg_aux_hrnet.bands.Bands.shown`
            chooses.

    Raises:
        ImageError: the file does not have these bands, or cannot be read.
        ConfigError: ``show`` is not among the bands.
    """
    if bands.plain and show is None:
        with Image.open(path) as source:
            return np.asarray(source.convert('RGB'))
    from mmseg_aux_hrnet.raster.tile import read_tile  # only here: it needs rasterio

    chosen = bands.shown(show)
    needed = bands.of(tuple(dict.fromkeys(chosen.names)))
    try:
        tile = read_tile(path, needed, stored=bands.names)
    except (RasterError, ConfigError) as error:
        raise ImageError(str(error) if isinstance(error, RasterError) else f'{path}: {error}') from error
    return np.ascontiguousarray(tile[..., [needed.loaded.index(name) for name in chosen.names]])
