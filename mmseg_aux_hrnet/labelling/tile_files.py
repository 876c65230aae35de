"""Writes the image of a tile, and reads it back as a picture."""

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.raster.dataset import GDAL_ERRORS, gdal, reason

SUFFIXES = {'tif': '.tif', 'png': '.png', 'jpg': '.jpg'}
JPEG = {'quality': 95, 'subsampling': 0}  # colours at full resolution: edges of roofs are a pixel wide
PREDICTOR = {'u': 2, 'f': 3}


def tile_writer(
    values: NDArray[Any], valid: NDArray[np.bool_], *, kind: str, bands: Sequence[str], crs: CRS, transform: Affine
) -> Callable[[Path], object]:
    """Return what writes the image of a tile to a path.

    Args:
        values: of the bands, (bands, H, W); three of 8 bits for ``png`` and ``jpg``.
        valid: bool (H, W); becomes the mask of a GeoTIFF where it is not all.
        kind: ``tif``, ``png`` or ``jpg``.
        bands: their names.
        crs: of the tile.
        transform: of the tile.
    """
    if kind == 'tif':
        return partial(_write_geotiff, values=values, valid=valid, bands=bands, crs=crs, transform=transform)
    return partial(_write_picture, values=values, kind=kind)


def _write_picture(path: Path, *, values: NDArray[Any], kind: str) -> None:
    content = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(np.moveaxis(values, 0, -1)))
    image.save(content, format='JPEG' if kind == 'jpg' else 'PNG', **(JPEG if kind == 'jpg' else {}))
    path.write_bytes(content.getvalue())


def _write_geotiff(
    path: Path,
    *,
    values: NDArray[Any],
    valid: NDArray[np.bool_],
    bands: Sequence[str],
    crs: CRS,
    transform: Affine,
) -> None:
    count, height, width = values.shape
    profile: dict[str, Any] = {
        'driver': 'GTiff', 'width': width, 'height': height, 'count': count, 'dtype': values.dtype, 'crs': crs,
        'transform': transform, 'compress': 'deflate', 'zlevel': 6, 'predictor': PREDICTOR[values.dtype.kind],
        'interleave': 'pixel', 'photometric': 'rgb' if tuple(bands[:3]) == RGB else 'minisblack',
        'alpha': 'unspecified',  # else GDAL calls a fourth band transparency
    }  # fmt: skip
    # In memory first: GDAL raises no OSError where a disk is full.
    with gdal(GDAL_TIFF_INTERNAL_MASK='YES'), MemoryFile() as memory:
        try:
            with memory.open(**profile) as tile:
                tile.colorinterp = [ColorInterp[name] if name in RGB else ColorInterp.undefined for name in bands]
                tile.descriptions = tuple(bands)
                tile.write(values)
                if not valid.all():
                    tile.write_mask(valid)
        except GDAL_ERRORS as error:
            raise RasterError(f'{path} cannot be written ({reason(error)})') from error
        path.write_bytes(memory.read())
