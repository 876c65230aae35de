"""Writes polygons as GeoParquet 1.1: WKB, and the reference system in the metadata.

Source: https://geoparquet.org/releases/v1.1.0
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shapely
from pyproj import CRS

from mmseg_aux_hrnet.polygons.features import Features

GEOMETRY = 'geometry'


@contextmanager
def write_parquet(path: Path, crs: CRS | None) -> Iterator[Callable[[Features], None]]:
    """Give a function that writes each batch of features as a row group."""
    from pyarrow import Table, array, binary, string
    from pyarrow.parquet import ParquetWriter

    metadata = {'geo': json.dumps(_metadata(crs))}
    writer: Any = None

    def write(features: Features) -> None:
        nonlocal writer
        columns = {
            name: array(values, string() if values.dtype == object else None)
            for name, values in features.columns.items()
        }
        table = Table.from_pydict({**columns, GEOMETRY: array(shapely.to_wkb(features.polygons), binary())})
        table = table.replace_schema_metadata(metadata)
        writer = writer or ParquetWriter(path, table.schema, compression='zstd')
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _metadata(crs: CRS | None) -> dict[str, Any]:
    column = {
        'encoding': 'WKB',
        'geometry_types': ['Polygon'],
        'crs': None if crs is None else crs.to_json_dict(),
        'orientation': 'counterclockwise',
    }
    return {'version': '1.1.0', 'primary_column': GEOMETRY, 'columns': {GEOMETRY: column}}
