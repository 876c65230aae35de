"""Traces the regions of a class map as polygons in pixels, strip by strip."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.maps.polygonize.pixel_polygons import PixelPolygons, shifted
from mmseg_aux_hrnet.maps.polygonize.stitching import Edges, polygon_edges, stitch
from mmseg_aux_hrnet.maps.polygonize.strips import Regions, Strip, label_regions, label_rest, outline_regions

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


Floats = NDArray[np.float64]
# Square metres of a pixel at places (column, row) of the map, float64 (n, 2) -> (n,).
PixelArea = Callable[[Floats], Floats]


def trace(
    strips: Iterator[Strip], *, smallest: float, simplify: float, pixel_area: PixelArea
) -> Iterator[PixelPolygons]:
    """Yield the polygons of a map, each as soon as it is whole.

    Without simplification they do not depend on the strips. With it, the corners at the seams between strips stay.

    Args:
        strips: of the map, from top to bottom.
        smallest: square metres; regions below it are left out.
        simplify: metres; corners go when the triangle that they make with their neighbours is smaller than its square.
        pixel_area: of the map.
    """
    seams = None
    for strip in strips:
        seams = seams or Seams(strip.values.shape[1])
        regions = _large_enough(strip, label_regions(strip.values), smallest=smallest, pixel_area=pixel_area)
        outlines = _outlines(strip, regions, simplify=simplify, pixel_area=pixel_area)
        polygons = seams.add(strip, regions, shifted(outlines, strip.first_row))
        if smallest and len(polygons.values):
            square_metres = polygons.pixels * pixel_area(shapely.get_coordinates(shapely.centroid(polygons.outlines)))
            polygons = polygons.where(square_metres >= smallest)
        yield polygons


def _large_enough(strip: Strip, regions: Regions, *, smallest: float, pixel_area: PixelArea) -> Regions:
    """Return the regions without the small ones that end in the strip, which are most of a noisy map."""
    if not smallest or not len(regions.values):
        return regions
    small = regions.pixels * pixel_area(regions.centres + np.array([0, strip.first_row])) < smallest
    for labels in (regions.labels[0][strip.from_above()], regions.labels[-1][strip.to_below()]):
        small[labels - 1] = False
    return regions.without(small)


def _outlines(strip: Strip, regions: Regions, *, simplify: float, pixel_area: PixelArea) -> NDArray[np.object_]:
    """Return the outlines of the regions in pixels of the strip."""
    corners = strip.junctions() | strip.seam_corners()
    if not simplify:
        return outline_regions(regions.labels, corners=corners)
    # What lies between the regions takes part, else all borders with it would count as the rim, which stays.
    outlines = outline_regions(label_rest(regions), corners=corners)
    height, width = strip.values.shape
    side = float(pixel_area(np.array([[width / 2, strip.first_row + height / 2]]))[0]) ** 0.5
    simple = shapely.coverage_simplify(outlines, simplify / side, simplify_boundary=False)
    return np.asarray(shapely.orient_polygons(simple[: len(regions.values)]))
