"""Writes where tiles lie and how they are divided, as a GeoPackage that QGIS shows coloured by split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyproj import CRS

from mmseg_aux_hrnet.classes import Classes, Colour
from mmseg_aux_hrnet.labelling.writing import FOOTPRINTS, Tile
from mmseg_aux_hrnet.maps.styles import GEOPACKAGE, add_style, category_style
from mmseg_aux_hrnet.maps.vector.polygon_file import PYOGRIO_ERRORS, plain_output, short_reason
from mmseg_aux_hrnet.maps.vector.polygons import Geometries

# Blue, orange and green of Okabe and Ito (2008), which the colour-blind tell apart.
SPLIT_COLOURS: dict[str, Colour] = {'train': (86, 180, 233), 'val': (230, 159, 0), 'test': (0, 158, 115)}
MOMENT = np.datetime64('2000-01-01T00:00:00', 'ms')  # else no two runs would give the same bytes
DECIMALS = 2
TITLES = {'stem': 'tile', 'split': 'split', 'raster': 'raster', 'ignored_percent': 'ignored (%)'}


def write_footprints(
    folder: Path,
    tiles: Sequence[Tile],
    *,
    splits: Mapping[str, str],
    rasters: Mapping[str, str],
    outlines: Geometries,
    crs: CRS,
    classes: Classes,
) -> Path:
    """Write the outlines of tiles with their split and the shares of their classes.

    Args:
        folder: the data root.
        tiles: those that are in a split.
        splits: of each stem.
        rasters: name of the raster of each stem.
        outlines: of the tiles in ``crs``.
        crs: reference system.
        classes: of the data set.

    Raises:
        OSError: it cannot be written.
    """
    columns: dict[str, list[Any]] = {
        'stem': [tile.stem for tile in tiles],
        'split': [splits[tile.stem] for tile in tiles],
        'raster': [rasters[tile.stem] for tile in tiles],
    }
    for index, name in enumerate(classes.names):
        columns[f'{name}_percent'] = [_percent(tile.pixels[index], sum(tile.pixels)) for tile in tiles]
    columns['ignored_percent'] = [_percent(tile.ignored, tile.ignored + sum(tile.pixels)) for tile in tiles]
    path = folder / FOOTPRINTS
    write_outlines(path, columns, outlines, crs=crs, style=category_style('split', SPLIT_COLOURS, titles=TITLES))
    return path


def write_outlines(
    path: Path, columns: Mapping[str, Sequence[Any]], outlines: Geometries, *, crs: CRS, style: bytes
) -> None:
    """Write polygons as a GeoPackage of one layer, to the same bytes whenever it is written.

    Args:
        path: of the file, in a folder in which nobody else writes.
        columns: text, whole numbers or others, one of each polygon; at least one polygon.
        outlines: in ``crs``.
        crs: reference system.
        style: how QGIS shows it.

    Raises:
        OSError: it cannot be written.
    """
    kinds: dict[type, Any] = {str: object, int: np.int64}
    option = 'OGR_CURRENT_DATE'
    before = pyogrio.get_gdal_config_option(option)
    try:
        pyogrio.set_gdal_config_options({option: f'{MOMENT}Z'})
        with plain_output(path) as plain:
            pyogrio.raw.write(
                plain, shapely.to_wkb(outlines), field_data=[
                    np.array(values, kinds.get(type(values[0]), np.float64)) for values in columns.values()
                ],
                fields=list(columns), layer=path.stem, driver='GPKG', crs=crs.to_wkt(), geometry_type='Polygon',
                dataset_options=GEOPACKAGE,
            )  # fmt: skip
            add_style(plain, style, moment=MOMENT)
    except PYOGRIO_ERRORS as error:
        raise OSError(f'{path.name}: {short_reason(error)}') from error
    finally:
        pyogrio.set_gdal_config_options({option: before})


def _percent(count: int, total: int) -> float:
    return round(100 * count / total, DECIMALS) if total else 0.0
