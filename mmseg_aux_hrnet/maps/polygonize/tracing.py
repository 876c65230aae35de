"""Traces the regions of a class map as polygons in pixels, strip by strip.

``rasterio.features.shapes`` and ``shapely.coverage_simplify`` on the whole map would be shorter, but take memory with
its area: 14 GB, or 57 GB simplified, at 20,000 x 20,000 noisy pixels instead of about 1 GB (docs/maps_polygons.md).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import shapely

from mmseg_aux_hrnet.maps.polygonize.stitching import Edges, polygon_edges, stitch
from mmseg_aux_hrnet.maps.polygonize.strips import (
    Bools,
    Floats,
    Integers,
    Polygons,
    Regions,
    Strip,
    Values,
    label_regions,
    outline_regions,
)

# Square metres of a pixel at places (column, row) of the map, float64 (n, 2) -> (n,).
PixelArea = Callable[[Floats], Floats]


class PixelPolygons(NamedTuple):
    """Whole polygons of regions in pixels of the map: x is the column, y the row, downwards.

    Attributes:
        outlines: shapely polygons (polygons,).
        values: the class of each, uint8 (polygons,).
        pixels: how many pixels each stands for, int64 (polygons,).
    """

    outlines: Polygons
    values: Values
    pixels: Integers

    def select(self, which: Bools | slice) -> 'PixelPolygons':
        """Return some of them: where ``which`` is true, or a range."""
        return PixelPolygons(self.outlines[which], self.values[which], self.pixels[which])


NO_POLYGONS = PixelPolygons(np.zeros(0, object), np.zeros(0, np.uint8), np.zeros(0, np.int64))


def trace(
    strips: Iterator[Strip], *, smallest: float, simplify: float, pixel_area: PixelArea
) -> Iterator[PixelPolygons]:
    """Yield the polygons of a map, those of each strip that end there.

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
        junctions, crossings = strip.corners()
        regions = label_regions(strip.values)
        if smallest and len(regions.values):
            regions = _drop_small(strip, regions, smallest=smallest, pixel_area=pixel_area)
        if simplify:
            middle = np.array([[strip.values.shape[1] / 2, strip.first_row + strip.values.shape[0] / 2]])
            side = float(pixel_area(middle)[0]) ** 0.5
            outlines = _simplified_outlines(regions, corners=junctions | crossings, tolerance=simplify / side)
        else:
            outlines = outline_regions(regions.labels, corners=junctions | crossings)
        outlines = shapely.transform(outlines, lambda points, row=strip.first_row: points + np.array([0, row]))
        polygons = seams.add(strip, regions, outlines, junctions_below=np.flatnonzero(junctions[-1]))
        if smallest and len(polygons.values):
            square_metres = polygons.pixels * pixel_area(shapely.get_coordinates(shapely.centroid(polygons.outlines)))
            polygons = polygons.select(square_metres >= smallest)
        yield polygons


def _drop_small(strip: Strip, regions: Regions, *, smallest: float, pixel_area: PixelArea) -> Regions:
    """Return the regions without the small ones that end in the strip, which are most of a noisy map."""
    small = regions.pixels * pixel_area(regions.centres + np.array([0, strip.first_row])) < smallest
    from_above, to_below = strip.continuations()
    for labels in (regions.labels[0][from_above], regions.labels[-1][to_below]):
        small[labels - 1] = False  # what goes on in another strip may be large enough as a whole
    numbers = np.concatenate([[0], np.where(small, 0, np.cumsum(~small))]).astype(np.int32)
    return Regions(numbers[regions.labels], regions.values[~small], regions.pixels[~small], regions.centres[~small])


def _simplified_outlines(regions: Regions, *, corners: Bools, tolerance: float) -> Polygons:
    """Return the outlines of the regions in pixels of the strip, simplified as one coverage."""
    # What lies between the regions takes part, else all borders with it would count as the rim, which stays.
    _, rest = cv2.connectedComponents((regions.labels == 0).astype(np.uint8), connectivity=4)
    count = len(regions.values)
    labels = np.where(rest > 0, rest + np.int32(count), regions.labels).astype(np.int32)
    simple = shapely.coverage_simplify(outline_regions(labels, corners=corners), tolerance, simplify_boundary=False)
    return np.asarray(shapely.orient_polygons(simple[:count]))


@dataclass
class _OpenRegion:
    """A region that goes on below: its class, its pixels so far, its pieces.

    Attributes:
        straight: for the row of each seam that it crossed, the columns where neighbours end.
    """

    value: int
    pixels: int
    pieces: list[Edges]
    straight: dict[int, Integers] = field(default_factory=dict)


class Seams:
    """Regions that cross seams: pieces come strip by strip, and polygons leave as soon as they are whole.

    Args:
        width: of the map.
    """

    def __init__(self, width: int) -> None:
        self._open: dict[int, _OpenRegion] = {}
        self._row: Integers = np.zeros(width, np.int64)  # the open region of each pixel of the last row, 0 for none
        self._next = 1

    def add(self, strip: Strip, regions: Regions, outlines: Polygons, *, junctions_below: Integers) -> PixelPolygons:
        """Return the polygons that are whole now.

        Args:
            strip: the one below that of the last call.
            regions: of the strip.
            outlines: of the regions, in pixels of the map.
            junctions_below: columns of the seam below at which three or four borders meet.
        """
        from_above, to_below = strip.continuations()
        labels = regions.labels
        crossing = np.zeros(len(regions.values) + 1, bool)
        crossing[labels[0][from_above]] = crossing[labels[-1][to_below]] = True
        crossing[0] = False
        chosen = np.flatnonzero(crossing[1:])
        keys = np.zeros(len(crossing), np.int64)  # the open region of each label, 0 for none
        keys[chosen + 1] = self._next + np.arange(len(chosen))
        self._next += len(chosen)
        for index, edges in zip(chosen, polygon_edges(outlines[chosen]) if len(chosen) else [], strict=True):
            region = _OpenRegion(int(regions.values[index]), int(regions.pixels[index]), [edges])
            self._open[int(keys[index + 1])] = region
        joined = self._join(self._row[from_above], keys[labels[0][from_above]])
        self._row = np.where(to_below, keys[labels[-1]], 0)
        for old, new in joined.items():
            self._row[self._row == old] = new
        going_on = set(np.unique(self._row).tolist())
        ended = [self._open.pop(key) for key in sorted(self._open.keys() - going_on)]
        for region in self._open.values():
            region.straight[strip.first_row + len(strip.values)] = junctions_below
        stitched = np.empty(len(ended), object)
        stitched[:] = [stitch(region.pieces, straight=region.straight) for region in ended]
        inside = ~crossing[1:]
        return PixelPolygons(
            np.concatenate([outlines[inside], stitched]),
            np.concatenate([regions.values[inside], np.array([region.value for region in ended], np.uint8)]),
            np.concatenate([regions.pixels[inside], np.array([region.pixels for region in ended], np.int64)]),
        )

    def _join(self, above: Integers, here: Integers) -> dict[int, int]:
        """Join the open regions that touch, and return the new key of each region that was joined."""
        joined: dict[int, int] = {}

        def find(key: int) -> int:
            while key in joined:
                joined[key] = joined.get(joined[key], joined[key])  # shorter for the next who asks
                key = joined[key]
            return key

        for pair in np.unique(np.stack([above, here], axis=1), axis=0).tolist():
            one, other = map(find, pair)
            if one == other:
                continue
            if len(self._open[one].pieces) < len(self._open[other].pieces):
                one, other = other, one  # the shorter list is copied, so that all joins together stay linear
            region, gone = self._open[one], self._open.pop(other)
            region.pixels += gone.pixels
            region.pieces += gone.pieces
            region.straight |= gone.straight
            joined[other] = one
        return {key: find(key) for key in list(joined)}
