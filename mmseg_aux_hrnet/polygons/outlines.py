"""Outlines of labelled regions as polygons in pixels, with a vertex wherever three regions meet."""

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from mmseg_aux_hrnet.polygons.regions import Labels

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
