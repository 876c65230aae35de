"""What goes beside the tiles: the record of how they were made, where they lie, and a picture of some of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image
from pyproj import CRS

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.classes import Classes, Colour
from mmseg_aux_hrnet.datasets.band_images import read_picture
from mmseg_aux_hrnet.datasets.description import DataDescription
from mmseg_aux_hrnet.datasets.splits import SPLITS
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.files.address import scrub
from mmseg_aux_hrnet.files.hashing import sha256_of
from mmseg_aux_hrnet.labelling.cutting import Progress
from mmseg_aux_hrnet.labelling.labels import Labels
from mmseg_aux_hrnet.labelling.request import TileRequest
from mmseg_aux_hrnet.labelling.survey import Survey
from mmseg_aux_hrnet.labelling.writing import FOOTPRINTS, SHEET, Tile, TileStore
from mmseg_aux_hrnet.maps.styles import GEOPACKAGE, add_style, category_style
from mmseg_aux_hrnet.maps.vector.polygon_file import PYOGRIO_ERRORS, plain_output, short_reason
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, in_system
from mmseg_aux_hrnet.raster.content import read_content
from mmseg_aux_hrnet.version import __version__
from mmseg_aux_hrnet.visualization.png import save_picture
from mmseg_aux_hrnet.visualization.tile_sheet import LabelledTile, draw_tile_sheet

SHOWN = 24  # tiles of the sheet
DECIMALS = 6  # of metres
# Blue, orange and green of Okabe and Ito (2008), which the colour-blind tell apart.
SPLIT_COLOURS: dict[str, Colour] = {'train': (86, 180, 233), 'val': (230, 159, 0), 'test': (0, 158, 115)}
MOMENT = np.datetime64('2000-01-01T00:00:00', 'ms')  # else no two runs would give the same bytes
PERCENT_DECIMALS = 2
TITLES = {'stem': 'tile', 'split': 'split', 'raster': 'raster', 'ignored_percent': 'ignored (%)'}


def describe(
    survey: Survey,
    labels: Labels,
    request: TileRequest,
    *,
    command: Sequence[str],
    failed: Mapping[Path, str],
) -> DataDescription:
    """Return what the data set is, and how it was made.

    Raises:
        DataError: an input cannot be read any more.
    """
    stored = request.image_format == 'tif'
    first = survey.rasters[0].grid
    system = CRS.from_wkt(first.crs.to_wkt())
    code = system.to_authority()
    gsd = request.gsd or float(np.mean([raster.grid.metres for raster in survey.rasters]))
    scale = None if survey.scale is None else [list(pair) for pair in survey.scale]
    inputs = [
        {'name': entry['name'], 'sha256': entry['sha256']}
        for raster in survey.rasters
        if raster.path not in failed
        for entry in read_content(raster.path)
    ]
    return DataDescription(
        classes=labels.rules.classes,
        bands=survey.bands,
        dtype=survey.dtype if stored else 'uint8',
        scale=survey.scale if stored else None,
        gsd=round(gsd, DECIMALS),
        crs=':'.join(code) if code else system.to_wkt(),
        layout=request.layout,
        record={
            'made_by': {
                'command': [scrub(word) for word in command],
                'value_scale': scale,
                'versions': {
                    'mmseg_aux_hrnet': __version__,
                    'rasterio': rasterio.__version__,
                    'gdal': rasterio.__gdal_version__,
                    'pyogrio': pyogrio.__version__,
                    'shapely': shapely.__version__,
                    'geos': '.'.join(map(str, shapely.geos_version)),
                },
                'left_out': sorted(path.name for path in failed),
                'inputs': [*inputs, *map(file_entry, labels.files(request))],
            }
        },
    )


def file_entry(path: Path) -> dict[str, str]:
    """Return name and SHA-256 of a file for the record; DataError where it cannot be read."""
    try:
        with path.open('rb') as content:
            return {'name': path.name, 'sha256': sha256_of(content)}
    except OSError as error:
        raise DataError(f'{path} cannot be read ({error.strerror})') from error


def finish_root(
    folder: Path, progress: Progress, survey: Survey, *, splits: Mapping[str, str], described: DataDescription
) -> None:
    """Write the outlines of the tiles, and the picture of some of them.

    Raises:
        OSError: they cannot be written.
    """
    tiles = [progress.store.tiles[stem] for stem in sorted(splits)]
    systems = [CRS.from_wkt(raster.grid.crs.to_wkt()) for raster in survey.rasters]
    places = [progress.places[tile.stem] for tile in tiles]
    outlines = [
        in_system(survey.rasters[place.raster].grid.outline(place.window), systems[place.raster], systems[0])
        for place in places
    ]
    write_footprints(
        folder,
        tiles,
        splits=splits,
        rasters={tile.stem: survey.rasters[place.raster].path.name for tile, place in zip(tiles, places, strict=True)},
        outlines=np.array(outlines, object),
        crs=systems[0],
        classes=described.classes,
    )
    write_sheet(progress.store, tiles, splits=splits, described=described)


def write_sheet(
    store: TileStore, tiles: Sequence[Tile], *, splits: Mapping[str, str], described: DataDescription
) -> Path:
    """Draw some tiles with the outlines of their labels; those of most kinds first, of every split some.

    Args:
        store: where they are.
        tiles: all of them.
        splits: of each stem.
        described: the data set.

    Raises:
        OSError: it cannot be written.
    """
    assert store.folder is not None
    drawn = []
    for tile in chosen_tiles(tiles, splits, classes=described.classes):
        split = splits[tile.stem]
        picture = read_picture(store.path(tile, split), Bands(described.bands, described.scale))
        with Image.open(store.label_path(tile, split)) as label:
            drawn.append(LabelledTile(picture, np.asarray(label), split, tile.stem))
    counts = ', '.join(f'{said["tiles"]:,} {split}' for split, said in described.record['splits'].items())
    path = store.folder / SHEET
    save_picture(path, draw_tile_sheet(drawn, title=f'{len(drawn)} of the tiles: {counts}', classes=described.classes))
    return path


def chosen_tiles(tiles: Sequence[Tile], splits: Mapping[str, str], *, classes: Classes) -> list[Tile]:
    """Return the tiles to look at: evenly spread over those with foreground, half of them for training."""
    chosen: list[Tile] = []
    for split, share in zip(SPLITS, (SHOWN // 2, SHOWN // 4, SHOWN // 4), strict=True):
        mine = [tile for tile in tiles if splits[tile.stem] == split]
        full = [tile for tile in mine if tile.foreground(classes.background)] or mine
        places = np.linspace(0, len(full) - 1, min(share, len(full))).round().astype(int)
        chosen += [full[place] for place in places.tolist()]
    return chosen


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
    return round(100 * count / total, PERCENT_DECIMALS) if total else 0.0
