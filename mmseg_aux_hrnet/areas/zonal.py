"""Areas of the classes of a map, on the whole of it or in each zone of a vector file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from mmseg_aux_hrnet.areas.class_map import open_class_map
from mmseg_aux_hrnet.areas.ground import Ground
from mmseg_aux_hrnet.areas.placing import Grid, PlacedZones, place_zones
from mmseg_aux_hrnet.areas.tally import OnBlock, add_up
from mmseg_aux_hrnet.areas.zone_file import Zones, read_zones
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.raster.legend import Legend
from mmseg_aux_hrnet.raster.polygonal import Geometries

Floats = NDArray[np.float64]
CACHE = 64  # MB of decoded blocks that GDAL keeps; its own choice grows with the machine


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
    """

    path: Path
    legend: Legend
    grid: Grid
    ground: Ground
    square_metres: Floats
    whole: Floats
    covered: Floats
    zones: Zones | None
    outlines: Geometries
    notes: tuple[str, ...]

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
    def nodata_percent(self) -> Floats:
        """Percent of each row's mapped area that has no data, float64 (rows,); nan where nothing is mapped."""
        return 100 * _divide(self.square_metres[:, -1], self.mapped)


def zonal_area(
    path: str | Path,
    *,
    zones: str | Path | None = None,
    id_field: str | None = None,
    layer: str | None = None,
    classes: Sequence[str] | None = None,
    on_block: OnBlock = lambda done, total: None,
) -> ZonalAreas:
    """Return the areas of the classes of a map on the ground.

    Args:
        path: a class map, as ``predict_raster`` writes it.
        zones: a vector file with polygons, in any reference system; None for the whole map.
        id_field: the field of it by which zones are known; None numbers them.
        layer: of a vector file that holds several.
        classes: names of the values 0, 1, ... of a map that does not say them.
        on_block: is told how many blocks of how many are done.

    Raises:
        ConfigError: the classes are not known, or a field or layer is not there.
        DataError: the map or the zones cannot be read or lack what areas need, or no zone overlaps the map.
    """
    with rasterio.Env(GDAL_CACHEMAX=CACHE), open_class_map(path, classes=classes) as class_map:
        grid = Grid(class_map.crs(), class_map.transform, (class_map.height, class_map.width))
        ground = class_map.ground(grid.crs)
        read = None if zones is None else read_zones(zones, id_field=id_field, layer=layer)
        placed = (
            PlacedZones(np.array([], object), np.ones(1)) if read is None else _placed(Path(zones or ''), read, grid)
        )
        sums = add_up(class_map, ground, placed.polygons, on_block=on_block)
    return ZonalAreas(
        path=Path(path),
        legend=class_map.legend,
        grid=grid,
        ground=ground,
        square_metres=sums.whole[None] if read is None else sums.zones,
        whole=sums.whole,
        covered=placed.covered,
        zones=read,
        outlines=placed.polygons,
        notes=() if read is None else (*read.notes, *_coverage_notes(read, placed.covered)),
    )


def _placed(path: Path, zones: Zones, grid: Grid) -> PlacedZones:
    try:
        return place_zones(zones, grid)
    except DataError as error:
        raise DataError(f'{path}: {error}') from error


def _coverage_notes(zones: Zones, covered: Floats) -> list[str]:
    notes = []
    outside, partly = covered == 0, (covered > 0) & (covered < 1 - 1e-9)
    if outside.any():
        notes.append(f'{outside.sum()} of {len(covered)} zones lie outside the map: {zones.named(outside)}')
    if partly.any():
        notes.append(f'{partly.sum()} of {len(covered)} zones lie partly outside the map: {zones.named(partly)}')
    return notes


def _divide(part: Floats, whole: Floats) -> Floats:
    undefined = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.asarray(np.divide(part, whole, out=undefined, where=whole > 0))
