"""Areas as tables: one row a zone for files that are joined, one row a zone and class for the screen, and JSON."""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.whole import whole_file
from mmseg_aux_hrnet.maps.measure.zonal import ZonalAreas, column_names
from mmseg_aux_hrnet.maps.vector.polygon_file import PYOGRIO_ERRORS, remove_companions, short_reason

Floats = NDArray[np.float64]
FORMAT = 'mmseg_aux_hrnet areas 1'
HECTARE = 10_000.0  # square metres
MOST_ROWS = 40  # on the screen; files hold all
OWN_COLUMNS = {'FID': 'fid', 'GEOMETRY_NAME': 'geom'}
DECIMALS = 6  # of numbers in files: below a square millimetre


def columns(areas: ZonalAreas) -> dict[str, Any]:
    """Return the columns of the table with one row a zone: ids, then numbers, nan where undefined.

    Raises:
        ConfigError: two columns would have the same name.
    """
    names = column_names(None if areas.zones is None else areas.zones.field, areas.legend)
    values = [areas.ids, 100 * areas.covered, areas.mapped, areas.nodata_percent]
    for index in range(len(areas.legend.names)):
        square_metres = areas.square_metres[:, index]
        values += [square_metres, square_metres / HECTARE, areas.percent[:, index]]
    return dict(zip(names, values, strict=True))


def csv_text(areas: ZonalAreas) -> str:
    """Return the table with one row a zone; undefined numbers are empty."""
    table = columns(areas)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow([row[0], *('' if math.isnan(number) else round(float(number), DECIMALS) for number in row[1:])])
    return text.getvalue()


def areas_json(areas: ZonalAreas) -> dict[str, Any]:
    """Return everything, with one entry a zone and in it one a class; undefined numbers are null."""
    names = areas.legend.names
    return {
        'format': FORMAT,
        'map': areas.path.name,
        'crs': areas.grid.crs.name,
        'method': areas.ground.method,
        'largest_planar_deviation': areas.ground.deviation,
        'notes': list(areas.notes),
        'whole_map': _figures(names, areas.whole),
        'zones': [
            {'id': name, 'covered_percent': 100 * share, **_figures(names, square_metres)}
            for name, share, square_metres in zip(areas.ids, areas.covered.tolist(), areas.square_metres, strict=True)
        ],
    }


def _figures(names: Sequence[str], square_metres: Floats) -> dict[str, Any]:
    """Return the figures of a row: square metres of the classes, and last of what has no data."""
    classes, mapped = square_metres[:-1].tolist(), float(square_metres.sum())
    valid = sum(classes)
    return {
        'mapped_m2': mapped,
        'nodata_percent': 100 * float(square_metres[-1]) / mapped if mapped > 0 else None,
        'classes': [
            {'name': name, 'm2': m2, 'ha': m2 / HECTARE, 'percent': 100 * m2 / valid if valid > 0 else None}
            for name, m2 in zip(names, classes, strict=True)
        ],
    }


def screen_table(areas: ZonalAreas) -> Table:
    """Return the table with one row a zone and class."""
    table = Table(box=box.SIMPLE, caption_justify='left', caption_style='')
    table.add_column('map' if areas.zones is None else Text(areas.zones.field), overflow='fold')
    table.add_column('class', overflow='fold', min_width=10)
    for heading in ('m²', 'ha', 'valid %', 'no data %', *(() if areas.zones is None else ('covered %',))):
        table.add_column(heading, justify='right', no_wrap=True)
    shown = min(len(areas.ids), max(1, MOST_ROWS // len(areas.legend.names)))
    most = areas.mapped.max() / HECTARE
    decimals, hectare_decimals = (1, 3) if most < 1000 else (0, 2) if most < 1_000_000 else (0, 0)
    for row in range(shown):
        shares = [areas.nodata_percent[row], *([] if areas.zones is None else [100 * areas.covered[row]])]
        for index, name in enumerate(areas.legend.names):
            m2 = areas.square_metres[row, index]
            figures = (f'{m2:,.{decimals}f}', f'{m2 / HECTARE:,.{hectare_decimals}f}')
            # What holds for the zone stands in the first of its rows.
            zone, last = (str(areas.ids[row]), map(_two_decimals, shares)) if index == 0 else ('', [''] * len(shares))
            cells = (zone, name, *figures, _two_decimals(areas.percent[row, index]), *last)
            table.add_row(*map(Text, cells))  # as Text, because names may hold square brackets
    if len(areas.ids) > shown:
        table.caption = f'and {len(areas.ids) - shown} more zones: write them all with --out'
    return table


def _two_decimals(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.2f}'


def method_line(areas: ZonalAreas) -> str:
    """Return in one line how the areas were measured."""
    deviation = areas.ground.deviation
    if deviation is None:
        return f'on the ellipsoid, pixel by pixel: {areas.grid.crs.name} is geographic'
    percent = f'{100 * deviation:.2g} %'
    if areas.ground.method == 'planar':
        return f'in the plane of {areas.grid.crs.name}, at most {percent} from those on the ellipsoid'
    return f'on the ellipsoid, pixel by pixel: those in the plane of {areas.grid.crs.name} are off by up to {percent}'


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
        with whole_file(path) as part:
            part.write_bytes(content)
            remove_companions(path)
    except OSError as error:
        raise DataError(f'{path} cannot be written ({error.strerror}): choose a folder that is writable') from error


def _gpkg(areas: ZonalAreas) -> bytes:
    if areas.zones is None:
        raise ConfigError('a GeoPackage holds zones, and there are none: give --zones, or write .csv or .json')
    table = columns(areas)
    buffer = io.BytesIO()  # not the file itself, which would be there before it is whole
    # Columns that every GeoPackage has; the ids may be in one of that name, and some formats do not tell A from a.
    own = {option: f'{name}_' if areas.zones.field.casefold() == name else name for option, name in OWN_COLUMNS.items()}
    try:
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
            layer_options=own,
        )
    except PYOGRIO_ERRORS as error:
        reason = short_reason(error)
        raise DataError(f'the areas cannot be written as a GeoPackage ({reason}): write .csv or .json') from error
    return buffer.getvalue()


FORMATS: dict[str, Callable[[ZonalAreas], bytes]] = {
    '.csv': lambda areas: csv_text(areas).encode(),
    '.json': lambda areas: (
        json.dumps(areas_json(areas), indent=2, allow_nan=False, ensure_ascii=False) + '\n'
    ).encode(),
    '.gpkg': _gpkg,
}
