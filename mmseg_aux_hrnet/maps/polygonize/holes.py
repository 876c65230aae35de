"""Finds the small holes of polygons in a first pass, and fills them with the class around when rows are read again."""

import sqlite3
from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from mmseg_aux_hrnet.maps.polygonize.strips import REST, Values
from mmseg_aux_hrnet.maps.polygonize.tracing import PixelArea, PixelPolygons


class HoleFilling:
    """Holes to fill, kept in a temporary database of SQLite, so that memory does not grow with their number.

    A hole and all that lies in it becomes one with the polygon around; pixels without data stay without.

    Args:
        rows: rows of a strip, the key of the holes; at least 2.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._database = sqlite3.connect('')  # SQLite's name for a private one on disk
        self._database.execute('CREATE TABLE hole (strip INTEGER, pixels REAL, value INTEGER, ring BLOB)')

    def find(self, traced: Iterable[PixelPolygons], *, smaller_than: float, pixel_area: PixelArea) -> None:
        """Note the holes of polygons that are smaller than so many square metres."""
        for polygons in traced:
            holed = polygons.select(shapely.get_num_interior_rings(polygons.outlines) > 0)
            rings, owners = shapely.get_rings(holed.outlines, return_index=True)
            inner = np.diff(owners, prepend=-1) == 0  # the first ring of a polygon is its outline
            holes, values = shapely.polygons(rings[inner]), holed.values[owners[inner]]
            pixels = shapely.area(holes)
            small = pixels * pixel_area(shapely.get_coordinates(shapely.centroid(holes))) < smaller_than
            holes, values, pixels = holes[small], values[small], pixels[small]
            bounds = shapely.bounds(holes).astype(int)
            # Under every strip that reads one of its rows, be it as the row above or below.
            firsts, lasts = np.maximum(bounds[:, 1] - 1, 0) // self._rows, bounds[:, 3] // self._rows
            columns = (pixels.tolist(), values.tolist(), shapely.to_wkb(holes))
            self._database.executemany(
                'INSERT INTO hole VALUES (?, ?, ?, ?)',
                (
                    (strip, *hole)
                    for first, last, *hole in zip(firsts.tolist(), lasts.tolist(), *columns, strict=True)
                    for strip in range(first, last + 1)
                ),
            )
        self._database.execute('CREATE INDEX place ON hole (strip, pixels)')

    def fill(self, values: Values, *, first_row: int, no_data: NDArray[np.bool_]) -> Values:
        """Return class indices with the holes filled, the large ones last: what lies in a hole goes with it.

        Args:
            values: rows of the map, uint8 (height, width).
            first_row: of these rows in the map: of a strip, or the row above it.
            no_data: bool of the same shape, where there is no data.
        """
        query = 'SELECT ring, value FROM hole WHERE strip = ? ORDER BY pixels'
        holes = self._database.execute(query, ((first_row + 1) // self._rows,)).fetchall()
        if not holes:
            return values
        rings, values_around = zip(*holes, strict=True)
        outlines = shapely.transform(
            np.array(shapely.from_wkb(rings)), lambda points: points - np.array([0, first_row])
        )
        kinds = np.array(values_around, np.uint8)
        burnt: Values = values.copy()
        single = shapely.area(outlines) == 1  # most holes of a noisy map: rasterize takes long over each
        columns, rows = shapely.bounds(outlines[single]).astype(int).T[:2]
        here = (rows >= 0) & (rows < len(values))
        burnt[rows[here], columns[here]] = kinds[single][here]
        if not single.all():
            rasterize(zip(outlines[~single], kinds[~single], strict=True), out=burnt)
        return np.asarray(np.where(no_data, np.uint8(REST), burnt))

    def close(self) -> None:
        """Remove the database."""
        self._database.close()
