"""Opens rasters with GDAL and says in one line of what file and rows something cannot be read."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
import rasterio._err
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import RasterError

# A raster without coordinates is an image like any other: who needs metres asks for them and hears of it.
warnings.filterwarnings('ignore', category=NotGeoreferencedWarning)
# What rasterio raises when GDAL cannot write. Copying a file raises GDAL's own errors, which have no public name:
# without the second a full disk would end in a traceback.
GDAL_ERRORS = (RasterioError, rasterio._err.CPLE_BaseError)
GDAL_CACHE = 64  # MB of decoded blocks that GDAL keeps; its own choice is a share of the machine's memory
STRICT = {
    'GDAL_ERROR_ON_LIBJPEG_WARNING': 'YES',  # else the rest of a truncated JPEG is grey, and nobody hears of it
    'GDAL_PNG_WHOLE_IMAGE_OPTIM': 'NO',  # the quick way gives garbage for a truncated PNG, without an error
}


@contextmanager
def open_dataset(path: Path) -> Iterator[Any]:
    """Open a raster for reading, for use in one thread.

    Raises:
        RasterError: it is missing, no raster, has no pixels of real numbers, or lies on no regular grid.
    """
    # First without GDAL, which says of a missing, a forbidden and an empty file only that it knows no such format.
    try:
        with path.open('rb') as file:
            if not file.read(1):
                raise RasterError(f'{path} is empty')
    except OSError as error:
        raise RasterError(f'{path} cannot be read ({error.strerror})') from error
    try:
        with rasterio.Env(**STRICT):
            # Not shared: GDAL would give one handle to two threads that open the same file.
            # Absolute: it would take what is before a colon for the name of a driver, and read another file.
            dataset = rasterio.open(path.absolute(), sharing=False)
    except (RasterioError, CRSError, UnicodeEncodeError) as error:
        raise RasterError(f'{path} cannot be opened as a raster ({reason(error)})') from error
    with dataset:
        _refuse_odd(path, dataset)
        yield dataset


@contextmanager
def reading_rows(path: Path, window: Window) -> Iterator[None]:
    """Turn what GDAL raises while a window is read into one line with the file and the rows."""
    try:
        with rasterio.Env(**STRICT):
            yield
    except (RasterioError, CRSError) as error:
        first, last = window.row_off, window.row_off + window.height - 1
        rows = f'row {first}' if first == last else f'rows {first} to {last}'
        what = 'a file that it is made of is missing or' if path.suffix.lower() == '.vrt' else 'it is truncated or'
        raise RasterError(
            f'{path}, {rows} (from 0), cannot be read ({reason(error)}): {what} damaged, get it again'
        ) from error


def reason(error: BaseException) -> str:
    """Return what GDAL said first: rasterio's own message mostly points there."""
    while error.__cause__ is not None:
        error = error.__cause__
    return ' '.join(str(error).split()).rstrip('.')


def _refuse_odd(path: Path, dataset: Any) -> None:
    if not dataset.count:
        inside = f'; it holds {len(dataset.subdatasets)} others: extract one with gdal_translate'
        raise RasterError(f'{path} has no bands of its own{inside if dataset.subdatasets else ""}')
    if any('complex' in kind for kind in dataset.dtypes):
        raise RasterError(f'{path} has complex values ({dataset.dtypes[0]}), and no colours can be made of them')
    if dataset.gcps[0] and dataset.crs is None:
        raise RasterError(
            f'{path} has {len(dataset.gcps[0])} ground control points instead of a regular grid: '
            f'rectify it first with gdalwarp {path.name} rectified.tif'
        )
