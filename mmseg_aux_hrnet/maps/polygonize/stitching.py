"""Joins the pieces of one region into its polygon: edges along seams cancel, the others are linked to rings.

Exact, since all coordinates are integers, and linear in the number of vertices. ``shapely.union_all`` takes many times
as long, and ``shapely.coverage_union_all`` gives invalid polygons where a region touches itself at a corner.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Edges = NDArray[np.int32]


def polygon_edges(polygons: NDArray[np.object_]) -> list[Edges]:
    """Return the directed edges of each polygon: x0, y0, x1, y1, int32 (edges, 4); the inside lies left."""
    _, points, (starts, owners) = shapely.to_ragged_array(polygons)
    inner = np.ones(len(points), bool)
    inner[starts[1:] - 1] = False  # no edge from the end of a ring to the start of the next
    first = np.flatnonzero(inner)
    # Half the size of what shapely gives: open regions are all that grows with the map.
    edges = np.hstack([points[first], points[first + 1]]).astype(np.int32)
    rings_before = starts[owners[1:-1]] - owners[1:-1]  # each ring has one edge fewer than points
    return np.split(edges, rings_before)


def stitch(pieces: list[Edges], *, straight: dict[int, Integers]) -> shapely.Polygon:
    """Return the polygon of a 4-connected region from the edges of its pieces.

    Args:
        pieces: their edges, with the inside on the left where y goes upwards.
        straight: for the row of each seam, the columns where a vertex stays also where the outline runs straight.
    """
    edges = _without_opposites(np.concatenate(pieces).astype(np.int64))
    points, following = edges[:, :2], _following(edges)
    on_seams = np.isin(points[:, 1], list(straight))
    rings = [
        _without_needless(points[ring], on_seams[ring], straight) if on_seams[ring].any() else points[ring]
        for ring in _cycles(following)
    ]
    areas = [int((ring[:, 0] * np.roll(ring[:, 1], -1) - np.roll(ring[:, 0], -1) * ring[:, 1]).sum()) for ring in rings]
    outline = int(np.argmax(areas))  # the only one that is positive: a connected region has one outline
    return shapely.Polygon(rings[outline], [ring for index, ring in enumerate(rings) if index != outline])


def _without_opposites(edges: Integers) -> Integers:
    """Return the edges that no edge runs back along: two pieces share such an edge."""
    flat = edges[:, 1] == edges[:, 3]  # seams are rows
    x0, y, x1 = edges[flat, 0], edges[flat, 1], edges[flat, 2]
    keys = np.stack([y, np.minimum(x0, x1), np.maximum(x0, x1)], axis=1)
    _, which, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    kept = np.ones(len(edges), bool)
    # ravel, because numpy 2.0 gives the inverse along an axis as a column
    kept[np.flatnonzero(flat)[counts[which.ravel()] == 2]] = False
    return edges[kept]


def _following(edges: Integers) -> Integers:
    """Return for each edge the one that goes on from its end.

    Where four meet, the one that keeps to the pixels outside, so that rings touch there and none touches itself.
    """
    width = int(edges[:, [0, 2]].max()) + 1
    begin, end = (edges[:, y] * width + edges[:, x] for x, y in ((0, 1), (2, 3)))
    order = np.argsort(begin, kind='stable')
    place = np.searchsorted(begin[order], end)
    following = order[place]
    more = np.flatnonzero(np.searchsorted(begin[order], end, side='right') - place > 1)
    choices = np.stack([order[place[more]], order[place[more] + 1]], axis=1)
    back, ahead = edges[more, :2] - edges[more, 2:], edges[choices, 2:] - edges[choices, :2]
    turns = np.arctan2(ahead[..., 1], ahead[..., 0]) - np.arctan2(back[:, 1], back[:, 0])[:, None]
    following[more] = choices[np.arange(len(more)), np.mod(turns, 2 * np.pi).argmin(axis=1)]
    return np.asarray(following)


def _cycles(following: Integers) -> list[list[int]]:
    """Return the cycles of a permutation."""
    after = following.tolist()  # plain numbers: picking single ones from an array takes several times as long
    seen = bytearray(len(after))
    cycles = []
    for first in range(len(after)):
        cycle, edge = [], first
        while not seen[edge]:
            seen[edge] = 1
            cycle.append(edge)
            edge = after[edge]
        if cycle:
            cycles.append(cycle)
    return cycles


def _without_needless(ring: Integers, on_seams: NDArray[np.bool_], straight: dict[int, Integers]) -> Integers:
    """Return an open ring without the vertices on seams at which it runs straight and nothing else ends."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    needless = on_seams & (before[:, 0] * after[:, 1] == before[:, 1] * after[:, 0])
    for index in np.flatnonzero(needless):
        x, y = ring[index]
        needless[index] = x not in straight[int(y)]
    return np.asarray(ring[~needless])
