"""The door through which every raster is opened: GDAL as we set it, and one line of what file and rows are wrong."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import rasterio
import rasterio._err
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.env import PROJDataFinder, set_proj_data_search_path
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import RasterError, StackError, counted
from mmseg_aux_hrnet.files.address import Address, as_path, scrub
from mmseg_aux_hrnet.raster.remote import RemoteReader, http_settings

logger = logging.getLogger(__name__)

VERSION = f'GDAL {rasterio.__gdal_version__}'  # decides on the pixels of lossy formats

# A raster without coordinates is an image like any other: code that needs metres asks for them and raises an error.
warnings.filterwarnings('ignore', category=NotGeoreferencedWarning)
# What rasterio raises when GDAL cannot write. Copying a file raises GDAL's own errors, which have no public name:
# without the second a full disk would end in a traceback.
GDAL_ERRORS = (RasterioError, rasterio._err.CPLE_BaseError)
# Tags of what is predicted here. The second stands for everything that the bytes depend on.
CLASSES_TAG, RUN_TAG = 'CLASS_NAMES', 'RUN_SHA256'
GDAL_CACHE = 64  # MB of decoded blocks that GDAL keeps; its own choice is a share of the machine's memory
SETTINGS: dict[str, Any] = {
    'GDAL_CACHEMAX': GDAL_CACHE,
    'GDAL_ERROR_ON_LIBJPEG_WARNING': 'YES',  # else the rest of a truncated JPEG is grey, without an error
    'GDAL_PNG_WHOLE_IMAGE_OPTIM': 'NO',  # the quick way gives garbage for a truncated PNG, without an error
    # GDAL's own defaults: people set such variables for other programs, and then masks, places or colours are others.
    'GDAL_DISABLE_READDIR_ON_OPEN': 'FALSE',
    'GDAL_PAM_ENABLED': 'YES',
    'GDAL_GEOREF_SOURCES': 'PAM,INTERNAL,TABFILE,WORLDFILE',
    'GTIFF_POINT_GEO_IGNORE': 'FALSE',
    'GTIFF_HONOUR_NEGATIVE_SCALEY': 'NO',
    'GTIFF_IGNORE_READ_ERRORS': 'NO',
    'GTIFF_FORCE_RGBA': 'NO',
    'CONVERT_YCBCR_TO_RGB': 'YES',
    'GDAL_JPEG_TO_RGB': 'YES',
    'GDAL_TIFF_ENDIANNESS': 'NATIVE',
    'OSR_WKT_FORMAT': 'DEFAULT',
}
# For tiles. GDAL lists the folder at each opening, for side files: where there are many, that takes longer than to read
# a tile. So it asks for each of them.
WITHOUT_LISTING = {'GDAL_DISABLE_READDIR_ON_OPEN': 'TRUE'}


@contextmanager
def gdal(**more: Any) -> Iterator[None]:
    """Let GDAL work as we set it, whatever variables of the environment say, and with a PROJ that knows its systems.

    Args:
        **more: other settings of GDAL, or others than ours.

    Raises:
        StackError: no database of reference systems is there.
    """
    with rasterio.Env(**{**SETTINGS, **more}):
        _check_proj()  # in here, where GDAL does not print what it does not find
        yield


@cache
def _check_proj() -> None:
    """Make PROJ find its database: PostGIS, QGIS and conda point all programs to that of their version."""
    if _knows_systems():
        return
    named = ', '.join(f'{name}={os.environ[name]}' for name in ('PROJ_DATA', 'PROJ_LIB') if os.environ.get(name))
    own = PROJDataFinder().search_wheel()
    if own is not None:
        set_proj_data_search_path(own)
        if _knows_systems():
            logger.warning('%s is not a database of this PROJ: that of rasterio is used', named or 'what PROJ found')
            return
    raise StackError(
        f'PROJ does not know EPSG:25832: its database is missing or of another version ({named or "none is named"}). '
        'Unset PROJ_DATA and PROJ_LIB, or install rasterio again'
    )


def _knows_systems() -> bool:
    with suppress(CRSError):
        return bool(CRS.from_epsg(25832).is_projected)
    return False


@contextmanager
def open_dataset(path: Path, **more: Any) -> Iterator[Any]:
    """Open a raster for reading, for use in one thread; GDAL works as we set it until the end of the block.

    Args:
        path: of the file, or its address.
        **more: settings of GDAL, as in :func:`gdal`.

    Raises:
        RasterError: it is missing, is not a raster, has complex numbers or several pages, or lies on an irregular grid.
        StackError: no database of reference systems is there.
    """
    path = as_path(path)
    if isinstance(path, Address):
        more |= http_settings(path)
    else:
        _check_file(path)
    with gdal(**more):  # as long as it is open, for a mask is looked for when it is asked for
        try:
            # Not shared: GDAL would give one handle to two threads that open the same file.
            # Absolute: it would take what is before a colon for the name of a driver, and read another file.
            dataset = RemoteReader(path) if isinstance(path, Address) else rasterio.open(path.absolute(), sharing=False)
        except (RasterioError, CRSError, UnicodeEncodeError) as error:
            raise RasterError(f'{path} cannot be opened as a raster ({reason(error)})') from error
        with dataset:
            _refuse_odd(path, dataset)
            yield dataset


def _check_file(path: Path) -> None:
    """Look at a file without GDAL, whose message is the same for a missing, a forbidden and an empty file.

    Raises:
        RasterError: it is one of these, or a folder.
    """
    if path.is_dir():
        raise RasterError(f'{path} is a folder: name one raster in it')
    try:
        with path.open('rb') as file:
            if not file.read(1):
                raise RasterError(f'{path} is empty')
    except OSError as error:
        raise RasterError(f'{path} cannot be read ({error.strerror})') from error


@contextmanager
def reading_rows(path: Path, window: Window) -> Iterator[None]:
    """Turn what GDAL raises while a window is read into one line with the file and the rows."""
    try:
        yield
    except (RasterioError, CRSError) as error:
        first, last = window.row_off, window.row_off + window.height - 1
        rows = f'row {first}' if first == last else f'rows {first} to {last}'
        what = 'one of its files is missing or' if path.suffix.lower() == '.vrt' else 'it is truncated or'
        advice = (
            'it is damaged, or its server does not answer'
            if isinstance(path, Address)
            else f'{what} damaged, get it again'
        )
        raise RasterError(f'{path}, {rows} (from 0), cannot be read ({reason(error)}): {advice}') from error


def is_map(tags: Mapping[str, str]) -> bool:
    """Return whether a GeoTIFF with these tags was predicted here, classes or probabilities."""
    return CLASSES_TAG in tags or RUN_TAG in tags


def is_placed(dataset: Any) -> bool:
    """Return whether a raster says where its pixels lie.

    For one that does not, rasterio gives the identity transform, which other rasters have on purpose. QGIS
    draws the rows of the former downwards from 0 and those of the latter upwards.
    """
    if not dataset.transform.is_identity:
        return True
    with MemoryFile(ext='vrt') as header:
        rasterio.shutil.copy(dataset, header.name, driver='VRT')  # where GDAL writes only what it knows
        return b'<GeoTransform>' in header.read()


def reason(error: BaseException) -> str:
    """Return what GDAL said first: rasterio's own message mostly points there."""
    while error.__cause__ is not None:
        error = error.__cause__
    return scrub(' '.join(str(error).split())).rstrip('.')


def _refuse_odd(path: Path, dataset: Any) -> None:
    if not dataset.count:
        inside = f'; it holds {counted(len(dataset.subdatasets), "other")}: extract one with gdal_translate'
        raise RasterError(f'{path} has no bands of its own{inside if dataset.subdatasets else ""}')
    if dataset.driver == 'GTiff' and dataset.subdatasets:
        raise RasterError(
            f'{path} has {len(dataset.subdatasets)} pages, and only one can be read: extract it with '
            f'gdal_translate GTIFF_DIR:1:{path.name} page.tif'
        )
    if any('complex' in kind for kind in dataset.dtypes):
        raise RasterError(f'{path} has complex values ({dataset.dtypes[0]}), which cannot be shown as colours')
    if dataset.gcps[0] and dataset.crs is None:
        raise RasterError(
            f'{path} has {len(dataset.gcps[0])} ground control points instead of a regular grid: '
            f'rectify it first with gdalwarp {path.name} rectified.tif'
        )
