"""Areas of change on the ground: what became what, on the whole map or in each zone of a vector file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.maps.change.accuracy import Accuracy
from mmseg_aux_hrnet.maps.change.pairing import MapPair, open_pair
from mmseg_aux_hrnet.maps.change.patches import Patches, changed, wide_enough
from mmseg_aux_hrnet.maps.ground import Ground
from mmseg_aux_hrnet.maps.measure.zonal import add_up, lay_zones
from mmseg_aux_hrnet.maps.vector.pixel_grid import PixelGrid
from mmseg_aux_hrnet.maps.vector.polygons import Geometries
from mmseg_aux_hrnet.maps.vector.zones import Zones, read_zones
from mmseg_aux_hrnet.raster.dataset import GDAL_CACHE

Floats = NDArray[np.float64]
OnBlock = Callable[[int, int], None]
TOLERANCE = 2  # pixels: maps that lie half a pixel off differ along every edge, by one pixel
KEPT, EDGE, SMALL = range(3)  # what a transition is: believed, too narrow, in too small a patch
Part = Literal['gain', 'loss']


class Change:
    """Two maps as one whose values say what became what, and whether that is wide and large enough to be believed.

    With C classes the value of a pixel is ``kind * C² + old * C + new``, and 3 C² where one of the maps has no data.

    Attributes:
        size: count of values.
        pair: the maps.

    Args:
        pair: the maps.
        ground: of the first.
        tolerance: changes narrower than so many pixels are of kind ``EDGE``.
        min_area: changes in patches of fewer square metres are of kind ``SMALL``; None for none.
        on_strip: called with the number of strips searched for small patches and their total.
    """

    def __init__(
        self, pair: MapPair, ground: Ground, *, tolerance: int, min_area: float | None, on_strip: OnBlock
    ) -> None:
        self.pair, self._tolerance = pair, tolerance
        self._classes = len(pair.legend.names)
        self.size = 3 * pair.nothing + 1
        self._patches: Patches | None = None
        if min_area is not None:
            self._patches = Patches(pair, ground, side=tolerance, min_area=min_area, on_strip=on_strip)

    def read(self, window: Window) -> NDArray[np.int64]:
        """Return the values of a strip of the pair, int64 (height, width)."""
        around = self._tolerance - 1
        codes = self.pair.read(window, around=around)
        wide = wide_enough(codes, side=self._tolerance, classes=self._classes)
        codes = codes[around : codes.shape[0] - around, around : codes.shape[1] - around]
        values = codes.astype(np.int64)
        values[changed(codes, classes=self._classes) & ~wide] += EDGE * self.pair.nothing
        if self._patches is not None:
            values[self._patches.small(window)] += SMALL * self.pair.nothing
        values[codes == self.pair.nothing] = self.size - 1
        return values


@dataclass(frozen=True)
class ChangeAreas:
    """Areas of change by zone; one row for each zone, or one for the whole map.

    Attributes:
        paths: of the earlier and the later map.
        legend: their classes.
        grid: where the first lies.
        ground: how its areas were measured.
        square_metres: by kind (``KEPT``, ``EDGE``, ``SMALL``), old and new class, float64 (rows, 3, classes, classes).
        nodata: square metres without data in one of the maps or both, float64 (rows,).
        whole: the same as ``square_metres`` of the whole map, float64 (3, classes, classes).
        whole_nodata: the same as ``nodata`` of the whole map.
        covered: the share of each zone that the first map covers, 0..1.
        zones: None for the whole map.
        outlines: of the zones near the map, in pixels, y downwards times -1.
        tolerance: changes narrower than so many pixels are of kind ``EDGE``.
        min_area: changes in patches of fewer square metres are of kind ``SMALL``; None for none.
        accuracy: of the earlier and the later map; None where they are not known.
        notes: what a user should know.
    """

    paths: tuple[Path, Path]
    legend: Classes
    grid: PixelGrid
    ground: Ground
    square_metres: Floats
    nodata: Floats
    whole: Floats
    whole_nodata: float
    covered: Floats
    zones: Zones | None
    outlines: Geometries
    tolerance: int
    min_area: float | None
    accuracy: tuple[Accuracy, Accuracy] | None
    notes: tuple[str, ...]

    @property
    def ids(self) -> list[str | int | float]:
        """What each row is known by."""
        return ['whole map'] if self.zones is None else self.zones.ids.tolist()

    @property
    def compared(self) -> Floats:
        """Square metres of each row with data in both maps, float64 (rows,)."""
        return np.asarray(self.square_metres.sum(axis=(1, 2, 3)))

    @property
    def old(self) -> Floats:
        """Square metres of each class in the earlier map where both have data, float64 (rows, classes)."""
        return np.asarray(self.square_metres.sum(axis=(1, 3)))

    @property
    def new(self) -> Floats:
        """Square metres of each class in the later map where both have data, float64 (rows, classes)."""
        return np.asarray(self.square_metres.sum(axis=(1, 2)))

    def moved(self, part: Part, kind: int) -> Floats:
        """Return square metres that each class gained or lost, of one kind of transitions, float64 (rows, classes).

        The net change of a class is its gains less its losses of all three kinds, and so ``new - old``.
        """
        matrix = self.square_metres[:, kind]
        stable = np.diagonal(matrix, axis1=1, axis2=2)
        return np.asarray(matrix.sum(axis=1 if part == 'gain' else 2) - stable)

    def apart(self, kind: int) -> Floats:
        """Return square metres of each row whose change is of one kind, float64 (rows,)."""
        return np.asarray(self.moved('gain', kind).sum(axis=1))

    @property
    def net(self) -> Floats:
        """Net change of each class on the maps, square metres, float64 (rows, classes)."""
        return self.new - self.old

    def true_net(self) -> tuple[Floats, Floats]:
        """Return the estimated true net change of each class and its standard error, square metres, (rows, classes).

        Both are nan where the accuracy of the maps is not known.
        """
        if self.accuracy is None:
            undefined = np.full(self.old.shape, np.nan)
            return undefined, undefined
        (before, before_error), (after, after_error) = (
            accuracy.estimate(areas) for accuracy, areas in zip(self.accuracy, (self.old, self.new), strict=True)
        )
        return after - before, np.hypot(before_error, after_error)


def change_areas(
    old: str | Path,
    new: str | Path,
    *,
    zones: str | Path | None = None,
    id_field: str | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    classes: Sequence[str] | None = None,
    tolerance: int = TOLERANCE,
    min_area: float | None = None,
    accuracy: tuple[str | Path, str | Path] | None = None,
    on_strip: OnBlock = lambda done, total: None,
    see: Callable[[Window, NDArray[np.int64]], None] = lambda window, values: None,
) -> ChangeAreas:
    """Return what became what between two class maps, on the ground.

    Pixels without data in one of the maps are left out of both. The second map is brought to the grid of the first, by
    its nearest pixels.

    Args:
        old: the earlier map, as ``predict_raster`` writes it.
        new: the later map, of the same classes.
        zones: a vector file with polygons, in any reference system; None for the whole map.
        id_field: its field with the names of the zones; None numbers them.
        layer: of a vector file that holds several.
        encoding: of its text, as Python calls it; None for what the file says.
        classes: names of the values 0, 1, ... of maps that do not say them.
        tolerance: changes narrower than so many pixels are kept apart as edge; 1 keeps none apart.
        min_area: changes in patches of fewer square metres are kept apart as small; None keeps none apart.
        accuracy: what the accuracy of the earlier and of the later map is known from, see ``read_accuracy``.
        on_strip: called with the number of strips done and their total; with ``min_area`` twice.
        see: is given each strip of values as :class:`Change` has them, from top to bottom.

    Raises:
        ConfigError: a setting is wrong, the classes are not known, or a field or layer is not there.
        DataError: a file cannot be read or lacks what areas need, the maps have other classes or no pixel in common,
            or no zone overlaps the map.
    """
    check_limits(tolerance, min_area)
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), open_pair(as_path(old), as_path(new), classes=classes) as pair:
        grid = PixelGrid(pair.old.crs(), pair.old.transform, (pair.old.height, pair.old.width))
        ground = pair.old.ground(grid.crs)
        known = None if accuracy is None else tuple(Accuracy.read(path, pair.legend.names) for path in accuracy)
        read = None if zones is None else read_zones(zones, id_field=id_field, layer=layer, encoding=encoding)
        outlines, covered, notes = lay_zones(read, grid, source=zones)
        change = Change(pair, ground, tolerance=tolerance, min_area=min_area, on_strip=on_strip)

        def read_strip(window: Window) -> NDArray[np.int64]:
            values = change.read(window)
            see(window, values)
            return values

        whole, by_zone = add_up(
            pair.strips(), read_strip, size=change.size, ground=ground, zones=outlines, on_block=on_strip
        )
    if not whole[:-1].any():
        raise DataError(f'{old} and {new} have no pixel with data in both: name two maps of one place')
    rows, count = whole[None] if read is None else by_zone, len(pair.legend.names)
    return ChangeAreas(
        paths=(as_path(old), as_path(new)),
        legend=pair.legend,
        grid=grid,
        ground=ground,
        square_metres=rows[:, :-1].reshape(-1, 3, count, count),
        nodata=rows[:, -1],
        whole=whole[:-1].reshape(3, count, count),
        whole_nodata=float(whole[-1]),
        covered=covered,
        zones=read,
        outlines=outlines,
        tolerance=tolerance,
        min_area=min_area,
        accuracy=None if known is None else (known[0], known[1]),
        notes=(*pair.notes, *notes),
    )


def check_limits(tolerance: int, min_area: float | None) -> None:
    """Raise unless a tolerance in pixels and a least area in square metres are such.

    Raises:
        ConfigError: one is not.
    """
    if tolerance < 1:
        raise ConfigError(f'tolerance {tolerance}: give whole pixels from 1 on, where 1 keeps no change apart')
    if min_area is not None and not 0 < min_area < np.inf:
        raise ConfigError(f'least area {min_area:g}: give square metres above 0, such as 10')
