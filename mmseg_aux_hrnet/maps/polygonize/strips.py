"""Cuts a class map into strips of whole rows, and outlines the regions of a strip."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

REST = 255  # pixels outside all polygons: without data, of another class, outside the map
PIXELS = 2**22  # of a strip, about
FEWEST_ROWS = 256  # a block of a tiled GeoTIFF, so that wide maps are not decoded many times over

Values = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]
Labels = NDArray[np.int32]
Floats = NDArray[np.float64]
Polygons = NDArray[np.object_]
ReadRows = Callable[[int, int], Values]


@dataclass(frozen=True)
class Strip:
    """Some rows of a class map with the row above and the one below.

    Attributes:
        first_row: of the strip in the map.
        values: class indices and ``REST``, uint8 (height, width).
        above: the row before, uint8 (width,); all ``REST`` at the top of the map.
        below: the row after.
    """

    first_row: int
    values: Values
    above: Values
    below: Values

    def continuations(self) -> tuple[Bools, Bools]:
        """Return where a region goes on from the row above, and where in the row below, each bool (width,)."""
        from_above = (self.above == self.values[0]) & (self.above != REST)
        to_below = (self.below == self.values[-1]) & (self.below != REST)
        return np.asarray(from_above), np.asarray(to_below)

    def corners(self) -> tuple[Bools, Bools]:
        """Return at which corners of pixels outlines need a vertex, each bool (height + 1, width + 1).

        Returns:
            Where three or four borders between values meet; and where an outline crosses the seam to the strip above
            or below, so that the pieces on both sides end in the same vertex.
        """
        padded = np.pad(np.vstack([self.above, self.values, self.below]), ((0, 0), (1, 1)), constant_values=REST)
        left_above, above, left, here = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
        borders = (left_above != above).astype(np.uint8)
        for one, other in ((above, here), (here, left), (left, left_above)):
            borders += one != other
        crossings = (left_above != above) | (left != here)
        crossings[1:-1] = False
        return np.asarray(borders >= 3), np.asarray(crossings)


def strip_rows(shape: tuple[int, int]) -> int:
    """Return how many rows a strip of a map (height, width) has."""
    return min(max(PIXELS // shape[1] // FEWEST_ROWS, 1) * FEWEST_ROWS, shape[0])


def strips(read_rows: ReadRows, *, shape: tuple[int, int], rows: int) -> Iterator[Strip]:
    """Yield the strips of a map from top to bottom.

    Args:
        read_rows: returns the rows from ``start`` to before ``stop``, class indices and ``REST``.
        shape: (height, width) of the map.
        rows: of a strip.
    """
    height, width = shape
    outside = np.full((1, width), REST, np.uint8)
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        values = read_rows(max(start - 1, 0), min(stop + 1, height))
        top = outside if start == 0 else values[:1]
        bottom = outside if stop == height else values[-1:]
        inner = values[int(start > 0) : values.shape[0] - int(stop < height)]
        yield Strip(start, inner, top[0], bottom[0])


class Regions(NamedTuple):
    """The regions of a strip; region i + 1 of the labels is item i of the rest.

    Attributes:
        labels: int32 (height, width), 0 where there is no region.
        values: the class of each, uint8 (regions,).
        pixels: how many each has, int64 (regions,).
        centres: (column, row) of each in the strip, float64 (regions, 2).
    """

    labels: Labels
    values: Values
    pixels: Integers
    centres: Floats


def label_regions(values: Values) -> Regions:
    """Return the 4-connected regions of every value but ``REST``.

    Args:
        values: uint8 (height, width).
    """
    labels = np.zeros(values.shape, np.int32)
    found: list[tuple[Values, Integers, Floats]] = []
    count = 0
    # OpenCV labels what is not 0, so each class takes a call: rasterio.features.shapes traces all at once, but says
    # neither the pixels nor the centres, by which most regions of a noisy map are dropped before they are traced.
    for value in np.flatnonzero(np.bincount(values.ravel(), minlength=REST + 1)[:REST]):
        mask = (values == value).astype(np.uint8)
        number, own, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=4)
        np.copyto(labels, own + np.int32(count), where=own > 0)
        # OpenCV's centre of a pixel is its index; here pixel 0 reaches from 0 to 1.
        found.append((np.full(number - 1, value, np.uint8), stats[1:, cv2.CC_STAT_AREA], centres[1:] + 0.5))
        count += number - 1
    if not found:
        return Regions(labels, np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros((0, 2)))
    kinds, pixels, places = (np.concatenate(column) for column in zip(*found, strict=True))
    return Regions(labels, kinds, pixels.astype(np.int64), places)


def outline_regions(labels: Labels, *, corners: Bools) -> Polygons:
    """Return the outline of each region 1, 2, ... in pixels of the strip; outlines anticlockwise where y goes upwards.

    Args:
        labels: int32 (height, width), 4-connected regions, 0 for none.
        corners: of pixels that get a vertex also where the outline runs straight, bool (height + 1, width + 1).
    """
    # In flat arrays, because a noisy map has regions of a few pixels: corners of pixels, the first of a ring again
    # at its end; where each ring begins; the first ring of each polygon, which is its outline; the polygon's region.
    flat, begins, firsts, regions = array('d'), array('q', [0]), array('q', [0]), array('q')
    for shape, number in shapes(labels, mask=labels > 0, connectivity=4):
        for ring in shape['coordinates']:
            flat.extend(chain.from_iterable(ring))
            begins.append(len(flat) // 2)
        firsts.append(len(begins) - 1)
        regions.append(int(number))
    if not regions:
        return np.zeros(0, object)
    points = np.asarray(flat, np.float64).astype(np.int64).reshape(-1, 2)
    rings, polygons, numbers = (np.asarray(column, np.int64) for column in (begins, firsts, regions))
    # Each edge is taken apart into steps of one pixel; of the places between, those at the given corners stay.
    is_last = np.zeros(len(points), bool)
    is_last[rings[1:] - 1] = True
    ahead = np.where(is_last[:, None], 0, np.roll(points, -1, axis=0) - points)
    lengths = np.maximum(np.abs(ahead).sum(axis=1), 1)  # the last point of a ring stays as it is
    edge = np.repeat(np.arange(len(lengths)), lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    step = np.arange(len(edge)) - offsets[edge]
    places = points[edge] + step[:, None] * np.sign(ahead)[edge]
    kept = (step == 0) | corners[places[:, 1], places[:, 0]]
    rings = np.concatenate([[0], np.cumsum(kept)])[offsets[rings]]
    parts = (places[kept].astype(np.float64), (rings, polygons))
    outlines = shapely.from_ragged_array(shapely.GeometryType.POLYGON, *parts)
    return np.asarray(shapely.orient_polygons(outlines[np.argsort(numbers)]))
