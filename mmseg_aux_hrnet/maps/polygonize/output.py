"""Writes polygons batch by batch into a file that gets its name when it is whole."""

import json
import os
import re
import shutil
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

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.vector.polygon_file import (
    PYOGRIO_ERRORS,
    WGS84,
    operation_note,
    plain_path,
    remove_companions,
    short_reason,
    without_locks,
)

DIGITS = 9  # a tenth of a millimetre: fewer could move a vertex over the outline of a neighbour
PART = 'polygons'  # what a file is called in its folder until it is whole: the name that it gets may mean more to GDAL
GEOMETRY = 'geometry'

Polygons = NDArray[np.object_]
Columns = dict[str, NDArray[np.generic]]
# Polygons in the reference system of the map, outlines anticlockwise and holes clockwise (n,); and their attributes by
# name, each (n,).
Write = Callable[[Polygons, Columns], None]


@contextmanager
def write_geojson(path: Path, crs: CRS | None) -> Iterator[Write]:
    """Give a function that writes batches of features into a collection.

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
        separator = '\n'

        def write(polygons: Polygons, columns: Columns) -> None:
            nonlocal separator
            placed = shapely.transform(polygons, in_degrees)
            if len(placed) and (note := operation_note(to_degrees, bounds=tuple(shapely.total_bounds(placed)))):
                warn_once(note)
            shapes = shapely.to_geojson(shapely.orient_polygons(placed))  # RFC 7946: outlines anticlockwise
            rows = zip(shapes, *(column.tolist() for column in columns.values()), strict=True)
            for shape, *values in rows:
                attributes = json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False)
                file.write(f'{separator}{{"type": "Feature", "properties": {attributes}, "geometry": {shape}}}')
                separator = ',\n'

        yield write
        file.write('\n]}\n')


@contextmanager
def write_parquet(path: Path, crs: CRS | None) -> Iterator[Write]:
    """Give a function that writes each batch of features as a row group of a GeoParquet file.

    Source: https://geoparquet.org/releases/v1.1.0
    """
    from pyarrow import Table, array, binary, string
    from pyarrow.parquet import ParquetWriter

    column = {
        'encoding': 'WKB',
        'geometry_types': ['Polygon'],
        'crs': None if crs is None else crs.to_json_dict(),  # null says unknown; left out would mean degrees of WGS 84
        'orientation': 'counterclockwise',
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
        table = Table.from_pydict({**arrays, GEOMETRY: array(shapely.to_wkb(polygons), binary())})
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
def write_by_gdal(path: Path, crs: CRS | None, *, driver: str, options: dict[str, str]) -> Iterator[Write]:
    """Give a function that appends batches of features to the layer of a file.

    Args:
        path: the file.
        crs: None for none.
        driver: GDAL's name of the format.
        options: of the layer, which the first batch makes.
    """
    batches = count = 0
    part = path.with_name(PART + path.suffix.lower())

    def write(polygons: Polygons, columns: Columns) -> None:
        nonlocal batches, count
        with warnings.catch_warnings(), _opening(part, started=batches > 0) as plain:
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
            )
        batches, count = batches + 1, count + len(polygons)

    yield write
    with _opening(part, started=True) as plain:
        written = pyogrio.read_info(plain, force_feature_count=True)['features']
    if written != count:  # GDAL does not raise for what it writes as it closes a file
        raise OSError(f'it holds {written} of {count} polygons')
    for file in list(path.parent.glob(f'{PART}.*')):
        file.rename(path if file == part else path.with_suffix(file.suffix))


@contextmanager
def _opening(part: Path, *, started: bool) -> Iterator[Path]:
    """Give the name by which GDAL finds a file of ours, and say what it means when it does not know its format."""
    try:
        with plain_path(part.parent) as folder, without_locks():
            yield folder / part.name
    except pyogrio.errors.DataSourceError as error:
        if not started:
            raise
        raise OSError('what was written of it so far is damaged') from error


def layer_name(stem: str) -> str:
    """Return the name of a file as that of its layer: those that begin with a sign or as SQLite's own are refused."""
    name = stem.encode(errors='replace').decode()  # bytes that are no UTF-8
    return name if re.match(r'(?!gpkg|sqlite_)\w', name, re.IGNORECASE) else f'map_{name}'


FAILURES = (OSError, sqlite3.Error, *PYOGRIO_ERRORS)  # the second of the holes to fill
FORMATS: dict[str, Callable[[Path, CRS | None], AbstractContextManager[Write]]] = {
    '.gpkg': partial(write_by_gdal, driver='GPKG', options={}),
    '.geojson': write_geojson,
    '.parquet': write_parquet,
    # larger ones cannot be read everywhere
    '.shp': partial(write_by_gdal, driver='ESRI Shapefile', options={'2GB_LIMIT': 'YES'}),
}


@contextmanager
def open_output(out: Path, crs: CRS | None) -> Iterator[Write]:
    """Give the function that writes batches of features; the first, maybe empty, says the columns.

    Raises:
        DataError: the file cannot be written; what was there is as before.
    """
    folder = out.parent / f'.{out.name}.{os.getpid()}.part'
    try:
        folder.mkdir(parents=True)
        with FORMATS[out.suffix.lower()](folder / out.name, crs) as write:
            yield write
        # The files that belong to an old one go first, and the file that is opened comes last: at no moment does a
        # new Shapefile stand beside an old table.
        remove_companions(out)
        for path in sorted(folder.iterdir(), key=lambda path: path.name == out.name):
            os.replace(path, out.parent / path.name)
    except FAILURES as error:
        reason = getattr(error, 'strerror', None) or short_reason(error)
        raise DataError(f'{out} cannot be written ({reason}): choose a folder that is writable and has room') from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
