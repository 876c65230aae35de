"""Keeps the regions that go on below a strip until they end, however many strips they cross."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.polygons.pixel_polygons import PixelPolygons
from mmseg_aux_hrnet.polygons.regions import Regions
from mmseg_aux_hrnet.polygons.stitching import Edges, polygon_edges, stitch
from mmseg_aux_hrnet.polygons.strips import Strip

Integers = NDArray[np.int64]
Columns = NDArray[np.int64]


@dataclass
class _Open:
    """A region that is not at its end: its class, its pixels so far, its pieces, and the seams that it crossed."""

    value: int
    pixels: int
    pieces: list[Edges]
    straight: dict[int, Columns] = field(default_factory=dict)

    def take(self, other: '_Open') -> None:
        self.pixels += other.pixels
        self.pieces += other.pieces
        self.straight |= other.straight


class Seams:
    """Regions that cross seams: pieces come strip by strip, and polygons leave as soon as they are whole.

    Args:
        width: of the map.
    """

    def __init__(self, width: int) -> None:
        self._open: dict[int, _Open] = {}
        self._row: Integers = np.zeros(width, np.int64)  # the open region of each pixel of the last row, 0 for none
        self._next = 1

    def add(self, strip: Strip, regions: Regions, outlines: NDArray[np.object_]) -> PixelPolygons:
        """Return the polygons that are whole now.

        Args:
            strip: the one below that of the last call.
            regions: of the strip.
            outlines: of the regions, in pixels of the map.
        """
        from_above, to_below = strip.from_above(), strip.to_below()
        labels = regions.labels
        crossing = np.zeros(len(regions.values) + 1, bool)
        crossing[labels[0][from_above]] = crossing[labels[-1][to_below]] = True
        crossing[0] = False
        keys = self._begin(crossing[1:], regions, outlines)
        joined = self._join(self._row[from_above], keys[labels[0][from_above]])
        self._row = np.where(to_below, keys[labels[-1]], 0)
        for old, new in joined.items():
            self._row[self._row == old] = new
        done = self._end(strip)
        closed = PixelPolygons(outlines, regions.values, regions.pixels).where(~crossing[1:])
        return closed.with_more(done)

    def _begin(self, crossing: NDArray[np.bool_], regions: Regions, outlines: NDArray[np.object_]) -> Integers:
        """Open the regions that cross and return the key of each label, int64 (regions + 1,), 0 for none."""
        chosen = np.flatnonzero(crossing)
        keys = np.zeros(len(crossing) + 1, np.int64)
        keys[chosen + 1] = self._next + np.arange(len(chosen))
        self._next += len(chosen)
        pieces = polygon_edges(outlines[chosen]) if len(chosen) else []
        for index, edges in zip(chosen, pieces, strict=True):
            self._open[int(keys[index + 1])] = _Open(int(regions.values[index]), int(regions.pixels[index]), [edges])
        return keys

    def _join(self, above: Integers, here: Integers) -> dict[int, int]:
        """Join the open regions that touch and return by which key each that was swallowed is known now."""
        joined: dict[int, int] = {}

        def find(key: int) -> int:
            while key in joined:
                joined[key] = joined.get(joined[key], joined[key])
                key = joined[key]
            return key

        for pair in np.unique(np.stack([above, here], axis=1), axis=0).tolist():
            one, other = map(find, pair)
            if one != other:
                if len(self._open[one].pieces) < len(self._open[other].pieces):
                    one, other = other, one
                self._open[one].take(self._open.pop(other))
                joined[other] = one
        return {key: find(key) for key in list(joined)}

    def _end(self, strip: Strip) -> PixelPolygons:
        """Take the regions that do not go on and return their polygons; note the seam for those that do."""
        going_on = {int(key) for key in np.unique(self._row[self._row > 0])}
        ended = [self._open.pop(key) for key in sorted(self._open.keys() - going_on)]
        if going_on:
            row, junctions = strip.first_row + len(strip.values), np.flatnonzero(strip.junctions()[-1])
            for key in going_on:
                self._open[key].straight[row] = junctions
        outlines = np.empty(len(ended), object)
        outlines[:] = [stitch(region.pieces, straight=region.straight) for region in ended]
        values = np.array([region.value for region in ended], np.uint8)
        return PixelPolygons(outlines, values, np.array([region.pixels for region in ended], np.int64))
