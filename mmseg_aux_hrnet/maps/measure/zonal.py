"""Areas of the classes of a map, for the whole map or for each zone of a vector file."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted, first_names
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.class_map.joined import map_parts
from mmseg_aux_hrnet.maps.class_map.reading import ClassMap, open_class_map
from mmseg_aux_hrnet.maps.class_map.uncertainty import UNSURE_FROM, UncertaintyMap, open_uncertainty, parse_unsure_from
from mmseg_aux_hrnet.maps.ground import Ground
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.maps.vector.pixel_grid import PixelGrid, place_zones
from mmseg_aux_hrnet.maps.vector.polygons import Geometries, polygonal
from mmseg_aux_hrnet.maps.vector.zones import Zones, read_zones
from mmseg_aux_hrnet.raster.dataset import GDAL_CACHE

Floats = NDArray[np.float64]
OnBlock = Callable[[int, int], None]


@dataclass(frozen=True)
class ZonalAreas:
    """Areas by zone and class; one row for each zone, or one for the whole map.

    Attributes:
        path: of the class map.
        legend: its classes.
        grid: where it lies.
        ground: how its areas were measured.
        square_metres: of each class and last of what has no data, float64 (rows, classes + 1).
        whole: the same of the whole map, float64 (classes + 1,).
        covered: the share of each zone that the map covers, 0..1.
        zones: None for the whole map.
        outlines: of the zones near the map, in pixels, y downwards times -1.
        notes: what a user should know.
        unsure: of which unsure, square metres of each class, float64 (rows, classes); None where nobody asked.
        whole_unsure: the same of the whole map, float64 (classes,).
        unsure_from: the uncertainty from which a pixel is unsure.
    """

    path: Path
    legend: Classes
    grid: PixelGrid
    ground: Ground
    square_metres: Floats
    whole: Floats
    covered: Floats
    zones: Zones | None
    outlines: Geometries
    notes: tuple[str, ...]
    unsure: Floats | None = None
    whole_unsure: Floats | None = None
    unsure_from: float = UNSURE_FROM

    @property
    def ids(self) -> list[str | int | float]:
        """What each row is known by."""
        return ['whole map'] if self.zones is None else self.zones.ids.tolist()

    @property
    def mapped(self) -> Floats:
        """Square metres of each row that the map covers, with or without data, float64 (rows,)."""
        return np.asarray(self.square_metres.sum(axis=1))

    @property
    def percent(self) -> Floats:
        """Percent of each row's area with data, by class, float64 (rows, classes); nan where there is none."""
        classes = self.square_metres[:, :-1]
        valid = classes.sum(axis=1, keepdims=True)
        return 100 * _divide(classes, valid)

    @property
    def unsure_percent(self) -> Floats | None:
        """Percent of each class that is unsure, float64 (rows, classes); nan where the class is not; None as above."""
        return None if self.unsure is None else 100 * _divide(self.unsure, self.square_metres[:, :-1])

    @property
    def nodata_percent(self) -> Floats:
        """Percent of each row's mapped area that has no data, float64 (rows,); nan where nothing is mapped."""
        return 100 * _divide(self.square_metres[:, -1], self.mapped)


def zonal_area(
    path: str | Path,
    *,
    zones: str | Path | None = None,
    id_field: str | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    classes: Sequence[str] | None = None,
    uncertainty: str | Path | None = None,
    unsure_from: float = UNSURE_FROM,
    as_table: bool = False,
    on_block: OnBlock = lambda done, total: None,
) -> ZonalAreas:
    """Return the areas of the classes of a map on the ground.

    Args:
        path: a class map, as ``predict_raster`` writes it; a folder or VRT of them is one map.
        zones: a vector file with polygons, in any reference system; None for the whole map.
        id_field: its field with the names of the zones; None numbers them.
        layer: of a vector file that holds several.
        encoding: of its text, as Python calls it; None for what the file says.
        classes: names of the values 0, 1, ... of a map that does not say them.
        uncertainty: the uncertainty map of the same prediction, or the folder or VRT of those of all its maps, to say
            how much of each class is unsure.
        unsure_from: the uncertainty from which a pixel is unsure, above 0 and at most 1.
        as_table: whether the areas will be written as a table: its columns are checked before the map is read.
        on_block: called with the number of blocks done and their total.

    Raises:
        ConfigError: the classes are not known, a field or layer is not there, or two columns have the same name.
        DataError: the map or the zones cannot be read or lack what areas need, or no zone overlaps the map.
    """
    unsure_from = parse_unsure_from(unsure_from)
    with ExitStack() as opened:
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE))
        class_map = opened.enter_context(open_class_map(path, classes=classes))
        doubt = None
        if uncertainty is not None:
            of_maps = map_parts(class_map.path, classes=classes)
            doubt = opened.enter_context(open_uncertainty(uncertainty, parts=of_maps))
            doubt.check_of(class_map.path, grid=class_map.grid(), tags=class_map.tags)
        grid = PixelGrid(class_map.crs(), class_map.transform, (class_map.height, class_map.width))
        ground = class_map.ground(grid.crs)
        read = None if zones is None else read_zones(zones, id_field=id_field, layer=layer, encoding=encoding)
        if as_table:
            column_names(None if read is None else read.field, class_map.legend, unsure=doubt is not None)
        outlines, covered, notes = lay_zones(read, grid, source=zones)
        size, parts = len(class_map.legend.names) + 1, 1 if doubt is None else 2
        read_block = _coded(class_map, doubt, size=size, limit=unsure_from)
        whole, by_zone = add_up(
            class_map.blocks(), read_block, size=parts * size, ground=ground, zones=outlines, on_block=on_block
        )
        rows = (whole[None] if read is None else by_zone).reshape(-1, parts, size)
        whole = whole.reshape(parts, size)
    return ZonalAreas(
        path=as_path(path),
        legend=class_map.legend,
        grid=grid,
        ground=ground,
        square_metres=rows.sum(axis=1),
        whole=whole.sum(axis=0),
        covered=covered,
        zones=read,
        outlines=outlines,
        notes=tuple(notes),
        unsure=None if doubt is None else rows[:, 1, :-1],
        whole_unsure=None if doubt is None else whole[1, :-1],
        unsure_from=unsure_from,
    )


def _coded(
    class_map: ClassMap, doubt: UncertaintyMap | None, *, size: int, limit: float
) -> Callable[[Window], NDArray[np.integer[Any]]]:
    """Return what reads a window as classes and ``size`` - 1 without data; unsure pixels have ``size`` more."""

    def read(window: Window) -> NDArray[np.integer[Any]]:
        values = class_map.read(window)
        values[values == NODATA] = size - 1
        if doubt is None:
            return values
        return values + size * doubt.unsure(window, limit=limit).astype(np.int64)

    return read


def lay_zones(
    zones: Zones | None, grid: PixelGrid, *, source: str | Path | None
) -> tuple[Geometries, Floats, list[str]]:
    """Return zones in the pixels of a map, which share of each the map covers, and what a user should know of them.

    Args:
        zones: as their file gives them; None for the whole map.
        grid: of the map.
        source: their file.

    Raises:
        DataError: no zone overlaps the map, or one of the two systems does not reach to the other.
    """
    if zones is None:
        return np.array([], object), np.ones(1), []
    try:
        outlines, covered, note = place_zones(zones, grid)
    except DataError as error:
        raise DataError(f'{source}: {error}') from error
    notes = [*zones.notes, *([] if note is None else [note])]
    outside, partly = covered == 0, (covered > 0) & (covered < 1 - 1e-9)
    for which, where in ((outside, 'lie outside the map'), (partly, 'lie partly outside the map')):
        if which.any():
            notes.append(f'{which.sum()} of {counted(len(covered), "zone")} {where}: {first_names(zones.ids[which])}')
    return outlines, covered, notes


def column_names(field: str | None, legend: Classes, *, unsure: bool = False) -> list[str]:
    """Return the columns of a table with one row a zone: ids, the three of each zone, the three of each class.

    Args:
        field: the name of the ids; None for the whole map.
        legend: the classes.
        unsure: each class has two more, for how much of it is unsure.

    Raises:
        ConfigError: two would have the same name.
    """
    names = ['map' if field is None else field, 'covered_percent', 'covered_m2', 'nodata_percent']
    units = ('m2', 'ha', 'percent', *(('unsure_m2', 'unsure_percent') if unsure else ()))
    names += [f'{name}_{unit}' for name in legend.names for unit in units]
    folded = [name.casefold() for name in names]  # GeoPackages do not tell A from a
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        raise ConfigError(
            f'two columns of the table would be called {", ".join(twice)}: give the classes other names with '
            '--classes, or choose another --id-field'
        )
    return names


def add_up(
    windows: Sequence[Window],
    read: Callable[[Window], NDArray[np.integer[Any]]],
    *,
    size: int,
    ground: Ground,
    zones: Geometries,
    on_block: OnBlock,
) -> tuple[Floats, Floats]:
    """Return the square metres of each value of a map.

    exactextract can weigh pixels too (``weighted_frac``, times ``sum`` of a raster of their areas), with the same
    results to 5e-13. It is asked for single blocks all the same: so each block is read once for the whole map and all
    zones, also those that overlap, its pixels are measured once, and one that lies inside a zone costs no more than an
    addition. By itself it reads map and areas again for each zone, and does not know the whole map.

    Args:
        windows: that cover the map once.
        read: gives the values of a window, integers (height, width) of 0 to below ``size``.
        size: count of values.
        ground: of the same map.
        zones: valid polygons or multipolygons, in pixels: x is the column and y the row downwards, times -1. They may
            overlap, and lie outside in part.
        on_block: called with the number of blocks done and their total.

    Returns:
        Those of the whole map, float64 (size,), and of each zone, float64 (zones, size).
    """
    whole, by_zone = np.zeros(size), np.zeros((len(zones), size))
    tree = shapely.STRtree(zones)
    shapely.prepare(zones)
    for done, window in enumerate(windows):
        on_block(done, len(windows))
        values = read(window)
        # Where all pixels have one area they are counted first, so that sums over many lose no digits.
        areas = ground.pixel_areas(window) if ground.common_area is None else np.ones(values.shape)
        by_class = np.bincount(values.ravel(), weights=areas.ravel(), minlength=size)
        whole += by_class
        (top, bottom), (left, right) = window.toranges()
        outline = shapely.box(left, -bottom, right, -top)
        near = tree.query(outline, predicate='intersects')
        inside = shapely.covers(zones[near], outline)
        by_zone[near[inside]] += by_class
        raster = NumPyRasterSource(values, *outline.bounds)
        for zone in near[~inside]:
            # Cut to the block, because exactextract walks along all of a polygon for every raster.
            part = polygonal(shapely.intersection(zones[[zone]], outline))[0]
            if not part.is_empty:
                feature = {'type': 'Feature', 'geometry': shapely.geometry.mapping(part), 'properties': {}}
                cells = exact_extract(raster, feature, ['values', 'coverage', 'cell_id'])[0]['properties']
                weights = cells['coverage'] * areas.ravel()[cells['cell_id']]
                by_zone[zone] += np.bincount(cells['values'], weights=weights, minlength=size)
    on_block(len(windows), len(windows))
    unit = 1.0 if ground.common_area is None else ground.common_area
    return whole * unit, by_zone * unit


def _divide(part: Floats, whole: Floats) -> Floats:
    """Return quotients, nan where there is nothing to divide by."""
    undefined = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.asarray(np.divide(part, whole, out=undefined, where=whole > 0))
