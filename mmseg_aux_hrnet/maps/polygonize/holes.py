"""Finds the small holes of polygons in a first pass, and fills them with the class around when rows are read again."""

import sqlite3
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from mmseg_aux_hrnet.maps.polygonize.pixel_polygons import PixelPolygons, shifted
from mmseg_aux_hrnet.maps.polygonize.strips import REST, Values
from mmseg_aux_hrnet.maps.polygonize.tracing import Floats, PixelArea


class HoleFilling:
    """Holes to fill, kept in a temporary database of SQLite, so that memory does not grow with their number.

    A hole and all that lies in it becomes one with the polygon around; pixels without data stay without.

    Args:
        rows: of a strip, by which holes are looked up; at least 2.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._database = sqlite3.connect('')  # SQLite's name for one on disk that nobody else sees
        self._database.execute('CREATE TABLE hole (strip INTEGER, pixels REAL, value INTEGER, ring BLOB)')

    def add(self, polygons: PixelPolygons, *, smaller_than: float, pixel_area: PixelArea) -> None:
        """Note the holes of polygons that are smaller than so many square metres."""
        holed = polygons.where(shapely.get_num_interior_rings(polygons.outlines) > 0)
        rings, owners = shapely.get_rings(holed.outlines, return_index=True)
        inner = np.diff(owners, prepend=-1) == 0  # the first ring of a polygon is its outline
        holes, values = shapely.polygons(rings[inner]), holed.values[owners[inner]]
        if not len(holes):
            return
        pixels = shapely.area(holes)
        small = pixels * pixel_area(shapely.get_coordinates(shapely.centroid(holes))) < smaller_than
        self._insert(holes[small], values[small], pixels[small])

    def _insert(self, holes: NDArray[np.object_], values: Values, pixels: Floats) -> None:
        tops, bottoms = shapely.bounds(holes).astype(int).T[[1, 3]]
        columns = (tops.tolist(), bottoms.tolist(), pixels.tolist(), values.tolist(), shapely.to_wkb(holes))
        self._database.executemany(
            'INSERT INTO hole VALUES (?, ?, ?, ?)',
            (
                (strip, size, value, ring)
                for top, bottom, size, value, ring in zip(*columns, strict=True)
                for strip in range(max(top - 1, 0) // self._rows, bottom // self._rows + 1)  # as a neighbour's row too
            ),
        )

    def index(self) -> None:
        """Prepare for looking up, once all holes are known."""
        self._database.execute('CREATE INDEX place ON hole (strip, pixels)')

    def fill(self, values: Values, *, first_row: int, no_data: NDArray[np.bool_]) -> Values:
        """Return class indices with the holes filled, the large ones last: what lies in a hole goes with it.

        Args:
            values: rows of the map, uint8 (height, width).
            first_row: of these rows in the map: of a strip, or the row above it.
            no_data: bool of the same shape, where there is no data.
        """
        holes = list(self._holes((first_row + 1) // self._rows))
        if not holes:
            return values
        outlines, kinds = zip(*holes, strict=True)
        burnt = _burnt(values, shifted(np.array(shapely.from_wkb(outlines)), -first_row), np.array(kinds, np.uint8))
        return np.asarray(np.where(no_data, np.uint8(REST), burnt))

    def _holes(self, strip: int) -> Iterator[tuple[bytes, int]]:
        query = 'SELECT ring, value FROM hole WHERE strip = ? ORDER BY pixels'
        yield from self._database.execute(query, (strip,))

    def close(self) -> None:
        """Remove the database."""
        self._database.close()


def _burnt(values: Values, outlines: NDArray[np.object_], kinds: Values) -> Values:
    """Return class indices with polygons in pixels burnt into them, in their order, the smallest first."""
    burnt: Values = values.copy()
    single = shapely.area(outlines) == 1  # most holes of a noisy map: rasterize takes long over each
    columns, rows = shapely.bounds(outlines[single]).astype(int).T[:2]
    here = (rows >= 0) & (rows < len(values))
    burnt[rows[here], columns[here]] = kinds[single][here]
    if not single.all():
        rasterize(zip(outlines[~single], kinds[~single], strict=True), out=burnt)
    return burnt
