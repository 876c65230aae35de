"""Reads the polygons of a vector file, valid and with the reference system of their coordinates."""

import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from mmseg_aux_hrnet.errors import DataError

Geometries = NDArray[np.object_]  # of shapely
ALLOWED = {  # missing: a row of a table without a geometry
    shapely.GeometryType.MISSING,
    shapely.GeometryType.POLYGON,
    shapely.GeometryType.MULTIPOLYGON,
    shapely.GeometryType.GEOMETRYCOLLECTION,
}
logger = logging.getLogger(__name__)


class Polygons(NamedTuple):
    """The polygons of a file.

    Attributes:
        geometries: valid, two-dimensional polygons, each of one part.
        crs: of their coordinates, east before north.
    """

    geometries: Geometries
    crs: CRS


def read_polygons(path: Path) -> Polygons:
    """Read the polygons of a vector file; broken ones are repaired with a warning.

    Raises:
        DataError: it cannot be read, has no CRS, several layers, or geometries that are no polygons.
    """
    geometries, crs, repaired = _read(path)
    if crs is None:
        raise DataError(f'{path} has no coordinate reference system: assign one, as ogr2ogr -a_srs does')
    _refuse_other_types(geometries, path)
    if not np.isfinite(shapely.get_coordinates(geometries)).all():
        raise DataError(f'{path} holds coordinates that are no numbers: repair it')
    repaired |= ~shapely.is_valid(geometries) & ~shapely.is_missing(geometries)
    if repaired.any():
        logger.warning('%s: %d of %d polygons were broken and are repaired', path, repaired.sum(), len(repaired))
    polygons = single_polygons(shapely.make_valid(geometries, method='structure', keep_collapsed=False))
    if not polygons.size:
        raise DataError(f'{path} holds no polygon with an area: it says nothing of where')
    return Polygons(polygons, crs)


def _read(path: Path) -> tuple[Geometries, CRS | None, NDArray[np.bool_]]:
    """Return geometries, their reference system, and which had rings that do not close and were closed."""
    layer = _layer(path)
    try:
        with warnings.catch_warnings():  # of open rings and of numbers that are none: both are told apart here
            warnings.simplefilter('ignore', RuntimeWarning)
            meta, _, wkb, _ = pyogrio.raw.read(path, layer=layer, columns=[], force_2d=True)
            closed = shapely.from_wkb(wkb, on_invalid='ignore')
            geometries = shapely.from_wkb(wkb, on_invalid='fix')
        crs = None if meta['crs'] is None else CRS.from_user_input(meta['crs'])
    except (pyogrio.errors.DataSourceError, shapely.errors.GEOSException) as error:
        raise DataError(f'{path} cannot be read as a vector file ({error})') from error
    except CRSError as error:
        raise DataError(f'{path} has a coordinate reference system that is not understood ({error})') from error
    return geometries, crs, shapely.is_missing(closed) & ~shapely.is_missing(geometries)


def single_polygons(geometries: Geometries) -> Geometries:
    """Return the polygons that geometries consist of; points and lines, which repairs leave over, are dropped."""
    parts = shapely.get_parts(shapely.get_parts(geometries[~shapely.is_missing(geometries)]))
    polygons: Geometries = parts[
        (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    ]
    return polygons


def _layer(path: Path) -> str:
    if not path.exists():
        raise DataError(f'{path} does not exist: name a vector file')
    try:
        held = pyogrio.list_layers(path)
    except pyogrio.errors.DataSourceError as error:
        raise DataError(f'{path} cannot be read as a vector file (GDAL does not know its format)') from error
    layers = [str(name) for name, kind in held if kind is not None]
    if len(layers) != 1:
        said = f'the layers {", ".join(layers)}' if layers else 'no layer with geometries'
        raise DataError(f'{path} holds {said}, and one is needed: write it to a file of its own')
    return layers[0]


def _refuse_other_types(geometries: Geometries, path: Path) -> None:
    kinds = {shapely.GeometryType(kind) for kind in shapely.get_type_id(geometries)} - ALLOWED
    if kinds:
        names = ', '.join(sorted(kind.name.lower() for kind in kinds))
        raise DataError(f'{path} holds geometries of type {names}, and polygons are needed')
