"""Traces the regions of a class map as polygons in pixels, strip by strip."""

from collections.abc import Callable, Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from mmseg_aux_hrnet.polygons.outlines import outline_regions
from mmseg_aux_hrnet.polygons.pixel_polygons import PixelPolygons, shifted
from mmseg_aux_hrnet.polygons.regions import Regions, label_regions, label_rest
from mmseg_aux_hrnet.polygons.seams import Seams
from mmseg_aux_hrnet.polygons.strips import Strip

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
