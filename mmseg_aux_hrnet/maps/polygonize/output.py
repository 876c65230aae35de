"""Writes polygons batch by batch into a file that gets its name when it is complete."""

import json
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from mmseg_aux_hrnet.errors import DataError, counted
from mmseg_aux_hrnet.files.whole import whole_set
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.styles import GEOPACKAGE, STYLE, STYLES_LAYER, add_style
from mmseg_aux_hrnet.maps.vector.polygon_file import (
    PYOGRIO_ERRORS,
    plain_output,
    plain_path,
    short_reason,
    without_locks,
)
from mmseg_aux_hrnet.maps.vector.polygons import WGS84, operation_note

DIGITS = 9  # a tenth of a millimetre: fewer could move a vertex over the outline of a neighbour
GEOMETRY = 'geometry'
SIDES = ('xmin', 'ymin', 'xmax', 'ymax')

Polygons = NDArray[np.object_]
Columns = dict[str, NDArray[np.generic]]
# Polygons in the reference system of the map, outlines anticlockwise and holes clockwise (n,); and their attributes by
# name, each (n,).
Write = Callable[[Polygons, Columns], None]


@contextmanager
def write_geojson(path: Path, crs: CRS | None) -> Iterator[Write]:
    """Give a function that writes batches of features into a collection.

    Readers learn the fields from the features: where there is none, only a member of our own can say them.

    Raises:
        DataError: there is no reference system, or it does not reach to longitudes and latitudes there.
    """
    if crs is None:
        raise DataError(
            'GeoJSON holds longitudes and latitudes, and the map has no coordinate reference system: '
            'write .gpkg, .shp or .parquet'
        )
    try:
        to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)
    except ProjError as error:
        raise DataError(
            f'GeoJSON holds longitudes and latitudes, and the reference system {crs.name!r} of the map does not say '
            'where on the earth it is: write .gpkg, .shp or .parquet'
        ) from error

    def in_degrees(points: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees = np.stack(to_degrees.transform(points[:, 0], points[:, 1]), axis=1)
        if not np.isfinite(degrees).all():
            raise DataError(
                'the map reaches beyond the part of the earth that its reference system describes, so its polygons '
                'have no longitudes and latitudes: write .gpkg'
            )
        return np.asarray(degrees.round(DIGITS))

    with path.open('w', encoding='utf-8', newline='\n') as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator, fields = '\n', []

        def write(polygons: Polygons, columns: Columns) -> None:
            nonlocal separator, fields
            fields = list(columns)
            placed = shapely.transform(polygons, in_degrees)
            if len(placed) and (note := operation_note(to_degrees, bounds=tuple(shapely.total_bounds(placed)))):
                warn_once(note)
            shapes = shapely.to_geojson(shapely.orient_polygons(placed))  # RFC 7946: outlines anticlockwise
            for shape, *values in zip(shapes, *(column.tolist() for column in columns.values()), strict=True):
                attributes = json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False)
                file.write(f'{separator}{{"type": "Feature", "properties": {attributes}, "geometry": {shape}}}')
                separator = ',\n'

        yield write
        file.write('\n]}\n' if separator == ',\n' else f'\n], "fields": {json.dumps(fields)}}}\n')


@contextmanager
def write_parquet(path: Path, crs: CRS | None) -> Iterator[Write]:
    """Give a function that writes each batch of features as a row group of a GeoParquet file.

    Source: https://geoparquet.org/releases/v1.1.0
    """
    from pyarrow import StructArray, Table, array, binary, string
    from pyarrow.parquet import ParquetWriter

    column = {
        'encoding': 'WKB',
        'geometry_types': ['Polygon'],
        'crs': None if crs is None else crs.to_json_dict(),  # null says unknown; left out would mean degrees of WGS 84
        'orientation': 'counterclockwise',
        # By the statistics of this column a reader skips row groups that lie elsewhere.
        'covering': {'bbox': {side: ['bbox', side] for side in SIDES}},
    }
    metadata = {'geo': json.dumps({'version': '1.1.0', 'primary_column': GEOMETRY, 'columns': {GEOMETRY: column}})}
    writer: Any = None

    def write(polygons: Polygons, columns: Columns) -> None:
        nonlocal writer
        arrays = {
            # The type is named, because pyarrow cannot tell it from a batch without rows.
            name: array(values, string() if values.dtype == object else None)
            for name, values in columns.items()
        }
        boxes = StructArray.from_arrays(
            [array(side) for side in shapely.bounds(polygons).reshape(-1, 4).T], names=SIDES
        )
        table = Table.from_pydict({**arrays, GEOMETRY: array(shapely.to_wkb(polygons), binary()), 'bbox': boxes})
        table = table.replace_schema_metadata(metadata)
        writer = writer or ParquetWriter(file, table.schema, compression='zstd')
        writer.write_table(table)

    with path.open('wb') as file:  # which pyarrow would take for a URL by some names
        try:
            yield write
        finally:
            if writer is not None:
                writer.close()


@contextmanager
def write_by_gdal(
    path: Path, crs: CRS | None, *, driver: str, options: dict[str, str], version: dict[str, str]
) -> Iterator[Write]:
    """Give a function that appends batches of features to the layer of a file.

    Args:
        path: the file.
        crs: None for none.
        driver: GDAL's name of the format.
        options: of the layer, which the first batch makes.
        version: option of the file, made by the same batch; empty for formats that have none.
    """
    batches = count = 0
    place = np.zeros((0, 2))
    with plain_output(path) as plain:

        def write(polygons: Polygons, columns: Columns) -> None:
            nonlocal batches, count, place
            place = place if len(place) else shapely.get_coordinates(polygons)[:1]
            with warnings.catch_warnings(), _opening(started=batches > 0):
                warnings.filterwarnings('ignore', "'crs' was not provided")  # the summary says so
                pyogrio.raw.write(
                    plain,
                    layer=layer_name(path.stem) if driver == 'GPKG' else None,
                    geometry=shapely.to_wkb(polygons),
                    fields=list(columns),
                    field_data=list(columns.values()),
                    driver=driver,
                    crs=None if crs is None else crs.to_wkt(),
                    geometry_type='Polygon',
                    encoding='utf-8' if driver == 'ESRI Shapefile' else None,
                    append=batches > 0,
                    layer_options=options if not batches else None,
                    dataset_options=version if not batches else None,
                )
            batches, count = batches + 1, count + len(polygons)

        yield write
        with _opening(started=True):
            written = pyogrio.read_info(plain, layer=0, force_feature_count=True)
    if written['features'] != count:  # GDAL does not raise for what it writes as it closes a file
        raise OSError(f'it holds {written["features"]} of {counted(count, "polygon")}')
    _check_place(written['crs'], crs, path, at=place)


def _check_place(found: str | None, meant: CRS | None, path: Path, *, at: NDArray[np.float64]) -> None:
    """Raise unless a file says the reference system that it was given, as far as a point of it (n, 2) tells."""
    if meant is None or (found is not None and CRS.from_user_input(found) == meant):
        return
    if found is not None:  # a format may name it otherwise, so where it lies is compared
        moved = Transformer.from_crs(meant, found, always_xy=True).transform(*at.T)
        if np.allclose(moved, at.T, rtol=1e-9, atol=1e-9):
            return
    raise DataError(f'{path.name} cannot hold the reference system {meant.name!r} of the map: write .gpkg')


@contextmanager
def _opening(*, started: bool) -> Iterator[None]:
    """Let GDAL open a file of ours, and say what it means when it does not know the format of what it has started."""
    try:
        with without_locks():
            yield
    except pyogrio.errors.DataSourceError as error:
        if not started:
            raise
        raise OSError('the part that is written is damaged') from error


def layer_name(stem: str) -> str:
    """Return the name of a file as that of its layer: those that begin with a sign or are SQLite's own are refused."""
    name = stem.encode(errors='replace').decode()  # bytes that are not UTF-8
    return name if re.match(rf'(?!gpkg|sqlite_|{STYLES_LAYER}$)\w', name, re.IGNORECASE) else f'map_{name}'


FAILURES = (OSError, sqlite3.Error, *PYOGRIO_ERRORS)  # the second of the holes to fill
FORMATS: dict[str, Callable[[Path, CRS | None], AbstractContextManager[Write]]] = {
    '.gpkg': partial(write_by_gdal, driver='GPKG', options={}, version=GEOPACKAGE),
    '.geojson': write_geojson,
    '.parquet': write_parquet,
    # larger ones cannot be read everywhere
    '.shp': partial(write_by_gdal, driver='ESRI Shapefile', options={'2GB_LIMIT': 'YES'}, version={}),
}


@contextmanager
def open_output(out: Path, crs: CRS | None, *, style: bytes) -> Iterator[Write]:
    """Give the function that writes batches of features; the first, maybe empty, says the columns.

    Args:
        out: the file.
        crs: None for none.
        style: of QGIS, which goes into a GeoPackage and beside other formats.

    Raises:
        DataError: the file cannot be written; what was there is as before.
    """
    suffix = out.suffix.lower()
    try:
        with whole_set(out) as part:
            with FORMATS[suffix](part, crs) as write:
                yield write
            if suffix == '.gpkg':
                with plain_path(part) as plain, without_locks():
                    add_style(plain, style)
            else:
                part.with_suffix(STYLE).write_bytes(style)
    except FAILURES as error:
        reason = getattr(error, 'strerror', None) or short_reason(error)
        raise DataError(f'{out} cannot be written ({reason}): choose a folder that is writable and has room') from error
