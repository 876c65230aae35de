"""Writes areas as CSV, JSON or GeoPackage, whole or not at all."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from mmseg_aux_hrnet.areas.table import areas_json, columns, csv_text
from mmseg_aux_hrnet.areas.zonal import ZonalAreas
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.raster.companions import remove_companions
from mmseg_aux_hrnet.whole_files import whole_file


def write_areas(areas: ZonalAreas, path: Path) -> None:
    """Write the areas in the form that the suffix names.

    Raises:
        ConfigError: two columns would have the same name, or a GeoPackage is asked for without zones.
        DataError: the file cannot be written.
    """
    write_bytes(path, FORMATS[path.suffix.lower()](areas))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with whole_file(path, content):
            remove_companions(path)
    except OSError as error:
        raise DataError(f'{path} cannot be written ({error.strerror}): choose a folder that is writable') from error


def _csv(areas: ZonalAreas) -> bytes:
    return csv_text(areas).encode('utf-8')


def _json(areas: ZonalAreas) -> bytes:
    return (json.dumps(areas_json(areas), indent=2, ensure_ascii=False, allow_nan=False) + '\n').encode('utf-8')


def _gpkg(areas: ZonalAreas) -> bytes:
    if areas.zones is None:
        raise ConfigError('a GeoPackage holds zones, and there are none: give --zones, or write .csv or .json')
    table = columns(areas)
    buffer = io.BytesIO()
    pyogrio.raw.write(
        buffer,
        geometry=shapely.to_wkb(areas.zones.polygons),
        fields=list(table),
        field_data=[areas.zones.ids, *(np.asarray(values, np.float64) for values in list(table.values())[1:])],
        driver='GPKG',
        layer='areas',
        crs=areas.zones.crs.to_wkt(),
        geometry_type='MultiPolygon',
        promote_to_multi=True,
    )
    return buffer.getvalue()


FORMATS: dict[str, Callable[[ZonalAreas], bytes]] = {'.csv': _csv, '.json': _json, '.gpkg': _gpkg}
