"""Cuts a class map into strips of whole rows, and says at which corners of pixels outlines need a vertex."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

REST = 255  # pixels that no polygon is made of: without data, of another class, outside the map
PIXELS = 2**22  # of a strip, about
FEWEST_ROWS = 256  # a block of a tiled GeoTIFF, so that wide maps are not decoded many times over

Values = NDArray[np.uint8]
Bools = NDArray[np.bool_]
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

    def from_above(self) -> Bools:
        """Return where a region goes on from the row above, bool (width,)."""
        return np.asarray((self.above == self.values[0]) & (self.above != REST))

    def to_below(self) -> Bools:
        """Return where a region goes on in the row below, bool (width,)."""
        return np.asarray((self.below == self.values[-1]) & (self.below != REST))

    def junctions(self) -> Bools:
        """Return where three or four borders between values meet, corners of pixels, bool (height + 1, width + 1)."""
        left_above, above, left, here = self._around()
        borders = (left_above != above).astype(np.uint8)
        for one, other in ((above, here), (here, left), (left, left_above)):
            borders += one != other
        return np.asarray(borders >= 3)

    def seam_corners(self) -> Bools:
        """Return at which corners both sides of a seam need a vertex, bool (height + 1, width + 1)."""
        left_above, above, left, here = self._around()
        corners = (left_above != above) | (left != here)
        corners[1:-1] = False
        return np.asarray(corners)

    def _around(self) -> tuple[Values, Values, Values, Values]:
        """Return the four pixels around each corner."""
        padded = np.pad(np.vstack([self.above, self.values, self.below]), ((0, 0), (1, 1)), constant_values=REST)
        return padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]


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


Labels = NDArray[np.int32]
Floats = NDArray[np.float64]


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
    pixels: NDArray[np.int64]
    centres: Floats

    def without(self, dropped: NDArray[np.bool_]) -> 'Regions':
        """Return the regions that are not dropped, in their order."""
        numbers = np.concatenate([[0], np.where(dropped, 0, np.cumsum(~dropped))]).astype(np.int32)
        return Regions(numbers[self.labels], self.values[~dropped], self.pixels[~dropped], self.centres[~dropped])


def label_regions(values: Values) -> Regions:
    """Return the regions of every value but ``REST``.

    Args:
        values: uint8 (height, width).
    """
    labels = np.zeros(values.shape, np.int32)
    found: list[tuple[Values, NDArray[np.int64], Floats]] = []
    count = 0
    for value in np.flatnonzero(np.bincount(values.ravel(), minlength=REST + 1)[:REST]):
        mask = (values == value).astype(np.uint8)
        number, own, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=4)
        np.copyto(labels, own + np.int32(count), where=own > 0)
        found.append((np.full(number - 1, value, np.uint8), stats[1:, cv2.CC_STAT_AREA], centres[1:] + 0.5))
        count += number - 1
    if not found:
        return Regions(labels, np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros((0, 2)))
    kinds, pixels, places = (np.concatenate(column) for column in zip(*found, strict=True))
    return Regions(labels, kinds, pixels.astype(np.int64), places)


def label_rest(regions: Regions) -> Labels:
    """Return the labels with numbers for the 4-connected regions of what has none, int32 (height, width)."""
    _, rest = cv2.connectedComponents((regions.labels == 0).astype(np.uint8), connectivity=4)
    return np.asarray(np.where(rest > 0, rest + np.int32(len(regions.values)), regions.labels), np.int32)


Polygons = NDArray[np.object_]
Integers = NDArray[np.int64]


class Rings(NamedTuple):
    """Closed rings of polygons.

    Attributes:
        points: (column, row) corners of pixels, the first of a ring again at its end, int64 (points, 2).
        starts: where each ring begins, and the end of the last, int64 (rings + 1,).
        polygons: the first ring of each polygon, its outline, and the end of the last, int64 (polygons + 1,).
    """

    points: Integers
    starts: Integers
    polygons: Integers


def outline_regions(labels: Labels, *, corners: NDArray[np.bool_]) -> Polygons:
    """Return the outline of each region 1, 2, ... in pixels of the strip; outlines anticlockwise where y goes upwards.

    Args:
        labels: int32 (height, width), 4-connected regions, 0 for none.
        corners: of pixels that get a vertex also where the outline runs straight, bool (height + 1, width + 1).
    """
    rings, numbers = _traced(labels)
    if not len(numbers):
        return np.zeros(0, object)
    points, starts, polygons = _with_vertices(rings, corners)
    outlines = shapely.from_ragged_array(shapely.GeometryType.POLYGON, points.astype(np.float64), (starts, polygons))
    return np.asarray(shapely.orient_polygons(outlines[np.argsort(numbers)]))


def _traced(labels: Labels) -> tuple[Rings, Integers]:
    """Return the rings of all regions and their numbers.

    Kept in flat arrays as they come, because a noisy map has a region for every few pixels.
    """
    points, ring_lengths, ring_counts, numbers = array('d'), array('q'), array('q'), array('q')
    for shape, number in shapes(labels, mask=labels > 0, connectivity=4):
        rings = shape['coordinates']
        ring_counts.append(len(rings))
        ring_lengths.extend(map(len, rings))
        points.extend(chain.from_iterable(chain.from_iterable(rings)))
        numbers.append(int(number))
    flat = np.frombuffer(points, np.float64).astype(np.int64).reshape(-1, 2)
    return Rings(flat, _offsets(ring_lengths), _offsets(ring_counts)), np.array(numbers, np.int64)


def _offsets(lengths: Sequence[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))])


def _with_vertices(rings: Rings, corners: NDArray[np.bool_]) -> Rings:
    """Return rings with vertices at the given corners of pixels as well."""
    last = np.zeros(len(rings.points), bool)
    last[rings.starts[1:] - 1] = True
    ahead = np.where(last[:, None], 0, np.roll(rings.points, -1, axis=0) - rings.points)
    lengths = np.maximum(np.abs(ahead).sum(axis=1), 1)  # the last point of a ring stays as it is
    edge = np.repeat(np.arange(len(lengths)), lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    step = np.arange(len(edge)) - offsets[edge]
    points = rings.points[edge] + step[:, None] * np.sign(ahead)[edge]
    kept = (step == 0) | corners[points[:, 1], points[:, 0]]
    counted = np.concatenate([[0], np.cumsum(kept)])
    return Rings(points[kept], counted[offsets[rings.starts]], rings.polygons)
