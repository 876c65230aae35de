"""Reads images of any bands by their names, and three of them as a picture."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.datasets.tiles import DAMAGE, read_rgb
from mmseg_aux_hrnet.errors import ConfigError, ImageError, RasterError

PLAIN = Bands()


def read_bands(path: str | Path, bands: Bands, *, stored: Sequence[str] | None = None) -> NDArray[Any]:
    """Return bands of an image by their names in 8 bits, uint8 (H, W, bands), or one channel more, 0 without data.

    Args:
        path: a raster file.
        bands: those that are needed, in the order of ``bands.loaded``, and the rule of their values.
        stored: names of all bands of the file in its order, for files that do not name them.

    Raises:
        ImageError: the file is missing or damaged, a band is missing or ambiguous, or values of other than 8 bits have
            no rule.
        StackError: the extra ``geo`` is not installed.
    """
    from mmseg_aux_hrnet.raster import tile

    try:
        image, valid = tile.read_bands(path, bands, stored=stored)
    except RasterError as error:
        raise ImageError(str(error)) from error
    except ConfigError as error:
        text = str(error)
        raise ImageError(text if str(path) in text else f'{path}: {text}') from error
    return image if valid.all() else np.dstack([image, valid.astype(np.uint8) * 255])


def read_picture(path: str | Path, bands: Bands = PLAIN, *, show: Sequence[str] | None = None) -> NDArray[Any]:
    """Return an image to look at as RGB, uint8 (H, W, 3); what training here would refuse, as Pillow shows it.

    Args:
        path: the file.
        bands: those of the data set, and the rule of their values.
        show: three of them, shown as red, green and blue; None for what :meth:`~mmseg_aux_hrnet.bands.Bands.shown`
            chooses.

    Raises:
        ImageError: it is of no kind that Pillow knows, or does not have the bands.
        ConfigError: ``show`` is not among the bands.
    """
    if not bands.plain or show is not None:
        chosen = bands.shown(show).names
        needed = bands.of(tuple(dict.fromkeys(chosen)))
        return read_bands(path, needed, stored=bands.names)[..., [needed.loaded.index(name) for name in chosen]]
    try:
        return read_rgb(path)
    except ImageError:
        with suppress(*DAMAGE), Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
        raise
