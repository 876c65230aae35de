"""The polygons of a vector file: read, repaired, reprojected; and names that GDAL can open."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import TypeVar

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.util import vsi_path
from pyproj import CRS
from pyproj.exceptions import CRSError

from mmseg_aux_hrnet.errors import DataError, counted, first_names, one_line
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, repair

logger = logging.getLogger(__name__)
T = TypeVar('T')
DATABASES = ('.gpkg', '.sqlite', '.db')
PYOGRIO_ERRORS = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
    pyogrio.errors.GeometryError,
)
PLAIN = 'polygons'  # what GDAL calls a file until it is whole: the name that it gets may mean more to GDAL
ALLOWED = {  # missing: a row of a table without a geometry
    shapely.GeometryType.MISSING,
    shapely.GeometryType.POLYGON,
    shapely.GeometryType.MULTIPOLYGON,
    shapely.GeometryType.GEOMETRYCOLLECTION,
}
SURFACES = {15: 'PolyhedralSurface', 16: 'TIN', 17: 'Triangle'}  # by the codes of WKB


@contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """Give a name of a file or folder in which pyogrio and GDAL find nothing but a path.

    They read ``!`` and ``;`` as marks of archives and of parameters, and what is before a colon as the name of a
    driver; so a relative path becomes absolute, and what has such marks is reached through a link.
    """
    absolute = path.absolute()
    # pyogrio's own reading decides, which differs from system to system; a zip file is opened.
    if vsi_path(absolute).endswith(str(absolute)) and str(absolute).isprintable():
        yield absolute
        return
    with TemporaryDirectory() as folder:
        stem = re.sub(r'\W', '_', absolute.stem)
        for beside in absolute.parent.iterdir():  # a Shapefile is several files
            if beside.name.startswith(absolute.stem):
                Path(folder, stem + beside.name.removeprefix(absolute.stem)).symlink_to(beside)
        yield Path(folder, stem + absolute.suffix)


@contextmanager
def plain_output(path: Path) -> Iterator[Path]:
    """Give a plain name to GDAL for writing; at the end of the block the file gets its own name.

    Args:
        path: of the file, in a folder that no other process writes to.
    """
    part = path.with_name(PLAIN + path.suffix.lower())
    with plain_path(part.parent) as folder:
        yield folder / part.name
    for file in list(path.parent.glob(f'{PLAIN}.*')):
        file.rename(path if file == part else path.with_name(path.stem + file.name.removeprefix(PLAIN)))


@contextmanager
def without_locks() -> Iterator[None]:
    """Let GDAL reach databases without locks, which some file systems lack; no other process may write them."""
    option = 'SQLITE_USE_OGR_VFS'
    before = pyogrio.get_gdal_config_option(option)
    pyogrio.set_gdal_config_options({option: True})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({option: before})


def read_by_gdal(path: Path, read: Callable[[Path], T]) -> T:
    """Return what a function reads of a vector file.

    Args:
        path: the file.
        read: gets the name that GDAL can open.

    Raises:
        DataError: it cannot be read.
    """
    if not path.exists():
        raise DataError(f'{path} does not exist: name a vector file')
    changing = [path.with_name(path.name + suffix) for suffix in ('-wal', '-journal')]
    try:
        with plain_path(path) as plain:
            try:
                return read(plain)
            except pyogrio.errors.DataSourceError:
                # Where no change is under way, a database that cannot be locked can be read all the same.
                if path.suffix.lower() not in DATABASES or any(beside.exists() for beside in changing):
                    raise
                with without_locks():
                    return read(plain)
    except PYOGRIO_ERRORS as error:
        unknown = 'not recognized as being in a supported file format' in str(error)
        reason = 'GDAL does not know its format' if unknown else short_reason(error)
        raise DataError(f'{path} cannot be read as a vector file ({reason})') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read ({error.strerror})') from error


def short_reason(error: BaseException) -> str:
    """Return why GDAL failed: of a database, it first tells thousands of characters of SQL."""
    return shorten(re.sub(r'^.*\) failed: ', '', one_line(error).rpartition('; ')[2]), width=200)


def read_polygons(path: Path) -> tuple[Geometries, CRS]:
    """Read the polygons of a vector file; broken ones are repaired with a warning.

    The last file is kept: each of many rasters asks for the same one.

    Returns:
        Valid, two-dimensional polygons, each of one part; and the reference system of their coordinates, east before
        north.

    Raises:
        DataError: it cannot be read, has no CRS, several layers, or geometries other than polygons.
    """
    # With what lies beside it: the reference system of a Shapefile, and what was last written to a GeoPackage.
    beside = sorted(file for file in path.parent.glob('*') if file.stem == path.stem)
    return _polygons_of(path, tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in beside))


@lru_cache(maxsize=1)
def _polygons_of(path: Path, state: tuple[tuple[str, int, int], ...]) -> tuple[Geometries, CRS]:
    """Read a file in one of its states."""
    layers = list_layers(path)
    if len(layers) != 1:
        raise DataError(
            f'{path} holds the layers {", ".join(layers)}, and one is needed: write it to a file of its own'
        )
    multipolygons, crs, repaired = read_rows(path, layer=layers[0])
    if repaired.any():
        logger.warning('%s: %d of %d polygons were broken and are repaired', path, repaired.sum(), len(repaired))
    polygons = shapely.get_parts(multipolygons)
    if not polygons.size:
        raise DataError(f'{path} holds no polygon with an area, so it marks no place')
    return polygons, crs


def list_layers(path: Path) -> list[str]:
    """Return the layers with geometries of a vector file, at least one.

    Raises:
        DataError: it cannot be read or has none.
    """
    found = read_by_gdal(path, pyogrio.list_layers)
    layers = [str(name) for name, kind in found if kind is not None]
    if not layers:
        raise DataError(f'{path} holds no layer with geometries, and one is needed: name a file with polygons')
    return layers


def read_rows(path: Path, *, layer: str) -> tuple[Geometries, CRS, NDArray[np.bool_]]:
    """Read the polygons of a layer, one for each row; broken ones are repaired.

    Args:
        path: file of any format that GDAL reads.
        layer: one of :func:`list_layers`.

    Returns:
        A valid, two-dimensional multipolygon for each row, empty where it has none with an area; the reference system
        of their coordinates, east before north; and which were broken, bool.

    Raises:
        DataError: it cannot be read, has no CRS, or geometries other than polygons.
    """
    try:
        with warnings.catch_warnings():  # of open rings and of coordinates like nan: both are found below
            warnings.simplefilter('ignore', RuntimeWarning)
            read = partial(pyogrio.raw.read, layer=layer, columns=[], force_2d=True, return_fids=True)
            meta, numbers, wkb, _ = read_by_gdal(path, read)
            closed = shapely.from_wkb(wkb, on_invalid='ignore')
            geometries = shapely.from_wkb(wkb, on_invalid='fix')
        crs = None if meta['crs'] is None else CRS.from_user_input(meta['crs'])
    except shapely.errors.GEOSException as error:
        raise DataError(f'{path} cannot be read as a vector file ({error})') from error
    except CRSError as error:
        raise DataError(f'{path} has a coordinate reference system that is not understood ({error})') from error
    if crs is None:
        raise DataError(f'{path} has no coordinate reference system: assign one, as ogr2ogr -a_srs does')
    refuse_surfaces(path, wkb, geometries, numbers)
    kinds = {shapely.GeometryType(kind) for kind in shapely.get_type_id(geometries)} - ALLOWED
    if kinds:
        names = ', '.join(sorted(kind.name.lower() for kind in kinds))
        raise DataError(f'{path} holds geometries of type {names}, and polygons are needed')
    if not np.isfinite(shapely.get_coordinates(geometries)).all():
        raise DataError(f'{path} holds coordinates that are not numbers: repair it')
    missing = shapely.is_missing(geometries)
    was_open = shapely.is_missing(closed) & ~missing  # a ring that does not close, which shapely only reads to fix it
    broken = was_open | (~shapely.is_valid(geometries) & ~missing)
    return repair(geometries), crs, broken


def refuse_surfaces(
    source: str | Path, wkb: NDArray[np.object_], geometries: NDArray[np.object_], numbers: NDArray[np.generic]
) -> None:
    """Raise where rows hold what shapely reads as nothing: it would be taken for a row without a geometry.

    Args:
        source: the file, for the message.
        wkb: of each row, None where it has no geometry.
        geometries: the same, as shapely reads them.
        numbers: of the rows, as GDAL counts them.

    Raises:
        DataError: names the rows.
    """
    codes = [None if raw is None else int.from_bytes(raw[1:5], 'little' if raw[0] else 'big') for raw in wkb]
    for kind, name in SURFACES.items():
        # ISO adds 1000 to the code for heights, 2000 for measures; older programs set the upper bits.
        of_kind = [place for place, code in enumerate(codes) if code is not None and (code & 0xFFFF) % 1000 == kind]
        if of_kind:
            raise DataError(
                f'{source}: {counted(len(of_kind), "geometry")} of type {name} (fid {first_names(numbers[of_kind])}), '
                'which is not a polygon: make polygons of them, as ogr2ogr -nlt MULTIPOLYGON does'
            )
    unknown = shapely.is_missing(geometries) & np.array([code is not None for code in codes], bool)
    if unknown.any():
        raise DataError(f'{source}: geometries cannot be understood (fid {first_names(numbers[unknown])}): repair them')
