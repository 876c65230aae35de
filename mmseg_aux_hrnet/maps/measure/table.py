"""Areas as tables: one row a zone for files that are joined, one row a zone and class for the screen, and JSON."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from rich import box
from rich.table import Table
from rich.text import Text

from mmseg_aux_hrnet.classes import class_colours
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.files.whole import remove_companions, whole_file, whole_set
from mmseg_aux_hrnet.maps.legend import main_class
from mmseg_aux_hrnet.maps.measure.zonal import ZonalAreas, column_names
from mmseg_aux_hrnet.maps.styles import GEOPACKAGE, add_style, percent_style
from mmseg_aux_hrnet.maps.vector.polygon_file import PYOGRIO_ERRORS, plain_output, short_reason, without_locks
from mmseg_aux_hrnet.maps.vector.zones import Zones

Floats = NDArray[np.float64]
FORMAT = 'mmseg_aux_hrnet areas 2'
FORMATS = ('.csv', '.json', '.gpkg')
HECTARE = 10_000.0  # square metres
MOST_ROWS = 40  # on the screen; files hold all
DECIMALS = 6  # of numbers in files: below a square millimetre


def columns(areas: ZonalAreas) -> dict[str, Any]:
    """Return the columns of the table with one row a zone: ids, then numbers, nan where undefined.

    Raises:
        ConfigError: two columns would have the same name.
    """
    unsure, unsure_percent = areas.unsure, areas.unsure_percent
    field = None if areas.zones is None else areas.zones.field
    names = column_names(field, areas.legend, unsure=unsure is not None)
    values = [areas.ids, 100 * areas.covered, areas.mapped, areas.nodata_percent]
    for index in range(len(areas.legend.names)):
        square_metres = areas.square_metres[:, index]
        values += [square_metres, square_metres / HECTARE, areas.percent[:, index]]
        if unsure is not None and unsure_percent is not None:
            values += [unsure[:, index], unsure_percent[:, index]]
    return dict(zip(names, values, strict=True))


def csv_text(areas: ZonalAreas) -> str:
    """Return the table with one row a zone; undefined numbers are empty."""
    return table_text(columns(areas))


def table_text(table: Mapping[str, Any]) -> str:
    """Return columns, ids first and then numbers, as CSV; undefined numbers are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow([row[0], *('' if math.isnan(number) else round(float(number), DECIMALS) for number in row[1:])])
    return text.getvalue()


def areas_json(areas: ZonalAreas) -> dict[str, Any]:
    """Return everything, with one entry a zone and in it one a class; undefined numbers are null."""
    names, code = areas.legend.names, areas.grid.crs.to_authority()
    unsure = [None] * len(areas.ids) if areas.unsure is None else list(areas.unsure)
    return {
        'format': FORMAT,
        'map': areas.path.name,
        'crs': f'{code[0]}:{code[1]}' if code else areas.grid.crs.to_wkt(),
        'crs_name': areas.grid.crs.name,
        'method': areas.ground.method,
        'largest_planar_deviation': areas.ground.deviation,
        'notes': list(areas.notes),
        **({} if areas.unsure is None else {'unsure_from': areas.unsure_from}),
        'whole_map': _figures(names, areas.whole, areas.whole_unsure),
        'zones': [
            {'id': name, 'covered_percent': 100 * share, **_figures(names, square_metres, doubt)}
            for name, share, square_metres, doubt in zip(
                areas.ids, areas.covered.tolist(), areas.square_metres, unsure, strict=True
            )
        ],
    }


def _figures(names: Sequence[str], square_metres: Floats, unsure: Floats | None) -> dict[str, Any]:
    """Return the figures of a row: square metres of the classes, and last of what has no data; of which unsure."""
    classes, mapped = square_metres[:-1].tolist(), float(square_metres.sum())
    valid = sum(classes)
    rows = [
        {'name': name, 'm2': m2, 'ha': m2 / HECTARE, 'percent': 100 * m2 / valid if valid > 0 else None}
        for name, m2 in zip(names, classes, strict=True)
    ]
    if unsure is not None:
        for row, doubt in zip(rows, unsure.tolist(), strict=True):
            row |= {'unsure_m2': doubt, 'unsure_percent': 100 * doubt / row['m2'] if row['m2'] > 0 else None}
    nodata = 100 * float(square_metres[-1]) / mapped if mapped > 0 else None
    return {'covered_m2': mapped, 'nodata_percent': nodata, 'classes': rows}


def screen_table(areas: ZonalAreas) -> Table:
    """Return the table with one row a zone and class."""
    table = Table(box=box.SIMPLE, caption_justify='left', caption_style='')
    table.add_column('map' if areas.zones is None else Text(areas.zones.field), overflow='fold')
    table.add_column('class', overflow='fold', min_width=10)
    unsure = areas.unsure_percent
    doubt = () if unsure is None else ('of which unsure %',)
    for heading in ('m²', 'ha', 'valid %', *doubt, 'no data %', *(() if areas.zones is None else ('covered %',))):
        table.add_column(heading, justify='right', no_wrap=True)
    shown = min(len(areas.ids), max(1, MOST_ROWS // len(areas.legend.names)))
    most = areas.mapped.max() / HECTARE
    decimals, hectare_decimals = (1, 3) if most < 1000 else (0, 2) if most < 1_000_000 else (0, 0)
    for row in range(shown):
        shares = [areas.nodata_percent[row], *([] if areas.zones is None else [100 * areas.covered[row]])]
        for index, name in enumerate(areas.legend.names):
            m2 = areas.square_metres[row, index]
            figures = [f'{m2:,.{decimals}f}', f'{m2 / HECTARE:,.{hectare_decimals}f}']
            figures += [_two_decimals(share[row, index]) for share in (areas.percent, unsure) if share is not None]
            # What holds for the zone stands in the first of its rows.
            zone, last = (str(areas.ids[row]), map(_two_decimals, shares)) if index == 0 else ('', [''] * len(shares))
            cells = (zone, name, *figures, *last)
            table.add_row(*map(Text, cells))  # as Text, because names may hold square brackets
    if len(areas.ids) > shown:
        table.caption = f'and {counted(len(areas.ids) - shown, "more zone")}: write them all with --out'
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


def write_areas(areas: ZonalAreas, path: Path, *, excel: bool = False) -> None:
    """Write the areas in the form that the suffix names, and beside it the files that programs need to read it well.

    Args:
        areas: of a map.
        path: the file.
        excel: begin a CSV with the mark that tells Excel it is UTF-8.

    Raises:
        ConfigError: two columns would have the same name, or a GeoPackage is asked for without zones.
        DataError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    try:
        with whole_set(path) as part:
            if suffix == '.gpkg':
                _write_gpkg(areas, part)
            elif suffix == '.csv':
                part.write_bytes(csv_text(areas).encode('utf-8-sig' if excel else 'utf-8'))
                part.with_suffix('.csvt').write_text(column_types(columns(areas)))
            else:
                text = json.dumps(areas_json(areas), indent=2, allow_nan=False, ensure_ascii=False)
                part.write_bytes(f'{text}\n'.encode())
    except (OSError, *PYOGRIO_ERRORS) as error:
        reason = getattr(error, 'strerror', None) or short_reason(error)
        advice = 'choose a folder that is writable' + (', or write .csv or .json' if suffix == '.gpkg' else '')
        raise DataError(f'{path} cannot be written ({reason}): {advice}') from error


def column_types(table: Mapping[str, Any]) -> str:
    """Return what beside a CSV file tells GDAL which columns are numbers: ids first, then numbers."""
    kinds = {int: 'Integer64', float: 'Real', str: 'String'}
    ids, *_ = table.values()
    return ','.join([f'"{kinds[type(ids[0])]}"', *['"Real"'] * (len(table) - 1)]) + '\n'


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


def _write_gpkg(areas: ZonalAreas, path: Path) -> None:
    """Write the zones with the fields that they have and the figures, shown by percent of one class."""
    if areas.zones is None:
        raise ConfigError('a GeoPackage holds zones: give --zones, or write .csv or .json')
    shown = main_class(areas.legend)
    colour = class_colours(areas.legend)[shown]
    style = percent_style(f'{areas.legend.names[shown]}_percent', colour, titles=_titles(areas))
    write_zones(path, areas.zones, columns(areas), layer='areas', style=style)


def write_zones(path: Path, zones: Zones, figures: Mapping[str, Any], *, layer: str, style: bytes) -> None:
    """Write a GeoPackage of zones with the fields that they have and figures, which come before fields of their name.

    Args:
        path: of the file, in a folder that no other process writes to.
        zones: what they are.
        figures: columns, ids first and then numbers.
        layer: its name.
        style: how QGIS shows it.
    """
    table = {zones.field: zones.ids}
    known = {name.casefold() for name in figures}
    for name, values in zones.others.items():
        if name.casefold() not in known:
            # GeoPackages hold numbers and times; all else becomes text.
            texts = [None if value is None else str(value) for value in values] if values.dtype == object else None
            table[name] = values if texts is None else np.array(texts, object)
    table |= {name: np.asarray(values, np.float64) for name, values in list(figures.items())[1:]}
    own = {'FID': 'fid', 'GEOMETRY_NAME': 'geom'}  # columns that every GeoPackage has
    for option in own:
        while own[option] in map(str.casefold, table):
            own[option] += '_'
    with plain_output(path) as plain, without_locks():
        pyogrio.raw.write(
            plain,
            geometry=shapely.to_wkb(zones.polygons),
            fields=list(table),
            field_data=list(table.values()),
            driver='GPKG',
            layer=layer,
            crs=zones.crs.to_wkt(),
            geometry_type='MultiPolygon',
            promote_to_multi=True,
            layer_options=own,
            dataset_options=GEOPACKAGE,
        )
        add_style(plain, style)


def _titles(areas: ZonalAreas) -> dict[str, str]:
    """Return the titles of columns, with their units."""
    titles = {
        'covered_percent': 'covered by the map (%)',
        'covered_m2': 'covered by the map (m²)',
        'nodata_percent': 'no data, of what is covered (%)',
    }
    for name in areas.legend.names:
        titles |= {f'{name}_m2': f'{name} (m²)', f'{name}_ha': f'{name} (ha)'}
        titles[f'{name}_percent'] = f'{name}, of what has data (%)'
        if areas.unsure is not None:
            titles |= {f'{name}_unsure_m2': f'{name}, of which unsure (m²)'}
            titles |= {f'{name}_unsure_percent': f'{name}, of which unsure (%)'}
    return titles
