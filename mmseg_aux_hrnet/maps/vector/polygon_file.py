"""The polygons of a vector file: read, repaired, reprojected."""

import logging
import warnings
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.ground import EARTH_RADIUS

logger = logging.getLogger(__name__)

Geometries = NDArray[np.object_]  # shapely objects
EDGE = 500.0  # metres: the chord of so long an arc on the earth leaves it by 5 mm
MARGIN = 0.1  # of a place's size, kept around it
ALLOWED = {  # missing: a row of a table without a geometry
    shapely.GeometryType.MISSING,
    shapely.GeometryType.POLYGON,
    shapely.GeometryType.MULTIPOLYGON,
    shapely.GeometryType.GEOMETRYCOLLECTION,
}


def repair(geometries: Geometries) -> Geometries:
    """Return what each geometry covers as a valid multipolygon, empty where nothing; parts that overlap are one."""
    return polygonal(shapely.make_valid(polygonal(geometries), method='structure', keep_collapsed=False))


def polygonal(geometries: Geometries) -> Geometries:
    """Return of each geometry its polygons as a multipolygon, without points and lines; empty where it has none."""
    outer, rows = shapely.get_parts(geometries, return_index=True)
    parts, positions = shapely.get_parts(outer, return_index=True)
    areas = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    out: Geometries = np.full(len(geometries), shapely.MultiPolygon(), object)
    shapely.multipolygons(parts[areas], indices=rows[positions[areas]], out=out)
    return out


def reproject_near(polygons: Geometries, source: CRS, target: CRS, *, near: shapely.Polygon) -> Geometries:
    """Return each geometry in another reference system, as a multipolygon cut to a little more than a place.

    What is far away may have no coordinates there, such as the poles of a map of the world in a zone of UTM.

    Args:
        polygons: valid polygons or multipolygons in ``source``.
        source: reference system.
        target: reference system.
        near: the place, in ``target``.

    Raises:
        DataError: the place or the polygons have no coordinates in the other system.
    """
    try:
        place = _around(near, Transformer.from_crs(target, source, always_xy=True))
        factor = source.axis_info[0].unit_conversion_factor  # to metres or radians
        metres = factor * EARTH_RADIUS if source.is_geographic else factor
        cut = shapely.segmentize(polygonal(shapely.intersection(polygons, place)), EDGE / metres)
        transformer = Transformer.from_crs(source, target, always_xy=True)
        # errcheck, because else points that have no coordinates there become infinite, and nobody hears of it
        forward = partial(transformer.transform, errcheck=True)
        moved = shapely.transform(cut, forward, interleaved=False)
    except ProjError as error:
        raise DataError(f'coordinates of {source.name} have none in {target.name} ({error})') from error
    return repair(moved)


def _around(near: shapely.Polygon, transformer: Transformer) -> shapely.Geometry:
    """Return a box, or two at the ends of the map, around a place."""
    west, south, east, north = near.bounds
    left, bottom, right, top = transformer.transform_bounds(west, south, east, north, errcheck=True)
    high = MARGIN * (top - bottom)
    if left > right:  # across the antimeridian
        boxes = shapely.box([left, -180.0], bottom - high, [180.0, right], top + high)
        return shapely.union_all(boxes)
    wide = MARGIN * (right - left)
    return shapely.box(left - wide, bottom - high, right + wide, top + high)


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
    multipolygons, crs, repaired, _ = read_rows(path, layer=layers[0])
    if repaired.any():
        logger.warning('%s: %d of %d polygons were broken and are repaired', path, repaired.sum(), len(repaired))
    polygons = shapely.get_parts(multipolygons)
    if not polygons.size:
        raise DataError(f'{path} holds no polygon with an area, so that it marks no place')
    return polygons, crs


def list_layers(path: Path) -> list[str]:
    """Return the layers with geometries of a vector file, at least one.

    Raises:
        DataError: it cannot be read or has none.
    """
    if not path.exists():
        raise DataError(f'{path} does not exist: name a vector file')
    try:
        found = pyogrio.list_layers(path)
    except pyogrio.errors.DataSourceError as error:
        raise DataError(f'{path} cannot be read as a vector file (GDAL does not know its format)') from error
    layers = [str(name) for name, kind in found if kind is not None]
    if not layers:
        raise DataError(f'{path} holds no layer with geometries, and one is needed: name a file with polygons')
    return layers


def read_rows(
    path: Path, *, layer: str, field: str | None = None
) -> tuple[Geometries, CRS, NDArray[np.bool_], NDArray[np.generic] | None]:
    """Read the polygons of a layer, one for each row; broken ones are repaired.

    Args:
        path: file of any format that GDAL reads.
        layer: one of :func:`list_layers`.
        field: one of the layer, whose values are read too.

    Returns:
        A valid, two-dimensional multipolygon for each row, empty where it has none with an area; the reference system
        of their coordinates, east before north; which were broken, bool; and the values of the field, None where none
        was asked for.

    Raises:
        DataError: it cannot be read, has no CRS, or geometries other than polygons.
    """
    columns = [] if field is None else [field]
    try:
        with warnings.catch_warnings():  # of open rings and of coordinates like nan: both are found below
            warnings.simplefilter('ignore', RuntimeWarning)
            meta, _, wkb, values = pyogrio.raw.read(path, layer=layer, columns=columns, force_2d=True)
            closed = shapely.from_wkb(wkb, on_invalid='ignore')
            geometries = shapely.from_wkb(wkb, on_invalid='fix')
        crs = None if meta['crs'] is None else CRS.from_user_input(meta['crs'])
    except (pyogrio.errors.DataSourceError, shapely.errors.GEOSException) as error:
        raise DataError(f'{path} cannot be read as a vector file ({error})') from error
    except CRSError as error:
        raise DataError(f'{path} has a coordinate reference system that is not understood ({error})') from error
    if crs is None:
        raise DataError(f'{path} has no coordinate reference system: assign one, as ogr2ogr -a_srs does')
    kinds = {shapely.GeometryType(kind) for kind in shapely.get_type_id(geometries)} - ALLOWED
    if kinds:
        names = ', '.join(sorted(kind.name.lower() for kind in kinds))
        raise DataError(f'{path} holds geometries of type {names}, and polygons are needed')
    if not np.isfinite(shapely.get_coordinates(geometries)).all():
        raise DataError(f'{path} holds coordinates that are not numbers: repair it')
    missing = shapely.is_missing(geometries)
    was_open = shapely.is_missing(closed) & ~missing  # a ring that does not close, which shapely only reads to fix it
    broken = was_open | (~shapely.is_valid(geometries) & ~missing)
    return repair(geometries), crs, broken, values[0] if columns else None
