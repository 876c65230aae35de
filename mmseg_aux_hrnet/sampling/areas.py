"""Mapped areas of the classes: from a table, or counted on the maps."""

import json
from collections.abc import Callable
from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.sampling.class_maps import count_pixels, find_maps, parse_classes
from mmseg_aux_hrnet.sampling.tables import read_text, table_rows

TABLES = ('.csv', '.json')


def mapped_areas(
    path: str | Path, *, classes: str | None, gsd: float | None, on_map: Callable[[int, int], None]
) -> tuple[dict[str, float], str]:
    """Return the area of every class on the map by name, as a table gives it or counted on the maps, and the unit.

    Args:
        path: a table for :func:`read_areas`, or a map or a folder of maps.
        classes: for maps, the names of the indices, separated by commas.
        gsd: for maps, the side of a pixel in metres; areas are then in hectares, else in pixels.
        on_map: called with the number of maps counted and their total.

    Raises:
        ConfigError: the classes or the size of a pixel are wrong, missing for maps, or given for a table.
        DataError: the table or the maps cannot be read.
    """
    if Path(path).suffix.lower() in TABLES:
        if classes is not None or gsd is not None:
            raise ConfigError(f'--classes and --gsd are for maps, and {path} is a table: leave them out')
        return read_areas(path)
    if classes is None:
        raise ConfigError(
            f'{path} is not {" or ".join(TABLES)}, so it is a map: --classes must name its classes in their order'
        )
    if gsd is not None and not 0 < gsd < float('inf'):
        raise ConfigError(f'--gsd {gsd}: the side of a pixel is a number of metres above 0, such as 0.5')
    names, maps = parse_classes(classes), find_maps(path)
    counts = count_pixels(maps, classes=names, on_map=lambda done: on_map(done, len(maps)))
    pixels = zip(names, counts.sum(axis=0).tolist(), strict=True)
    if gsd is None:
        return {name: float(count) for name, count in pixels}, 'pixels'
    return {name: count * gsd**2 / 10_000 for name, count in pixels}, 'ha'  # a hectare is 10,000 square metres


def read_areas(path: str | Path) -> tuple[dict[str, float], str]:
    """Read the mapped areas by class, and their unit.

    Args:
        path: CSV with the column ``class`` and one whose heading is the unit of the areas, such as ``ha``; or JSON as
            ``{"unit": "ha", "areas": {"green": 12.5}}``.

    Raises:
        DataError: the file cannot be read, is not of this form, has a class twice or what is not an area.
    """
    if Path(path).suffix.lower() == '.json':
        try:
            content = json.loads(read_text(path))
            unit, given = content['unit'], content['areas'].items()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f'{path} is not of the form {{"unit": "ha", "areas": {{"green": 12.5, ...}}}}') from error
        return {str(name): _area(area, where=f'{path}, {name}') for name, area in given}, str(unit)
    rows = table_rows(path, needed=('class',))
    units = [heading for heading in rows[0][1] if heading != 'class']
    if len(units) != 1:
        raise DataError(f'{path} has the columns {", ".join(rows[0][1])}: it needs two, class and the unit, such as ha')
    areas: dict[str, float] = {}
    for line, row in rows:
        if row['class'] in areas:
            raise DataError(f'{path} line {line} names the class {row["class"]!r} twice: name it once')
        areas[row['class']] = _area(row[units[0]], where=f'{path} line {line}')
    return areas, units[0]


def _area(text: object, *, where: str) -> float:
    try:
        area = float(str(text))  # through its text, so that the true of JSON is not the area 1
    except ValueError:
        area = -1.0  # refused below, together with what is a number but not an area
    if not 0 <= area < float('inf'):
        raise DataError(f'{where} has the area {text!r}: it must be a number from 0 on, with a decimal point')
    return area
