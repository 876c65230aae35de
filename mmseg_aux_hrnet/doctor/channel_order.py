"""Doubts whether red and blue of a tile are exchanged, by comparing it with other tiles of its data set.

No single picture tells the order of its channels: what is blue may be a pool. A set does: shadows are bluer than what
the sun lights, soil is redder than roofs, and that holds for most tiles of a place. So a tile is compared with those
most like it, as it is and with red and blue exchanged. It stays a doubt, and a set that is wrong as a whole goes
unseen, because nothing in it looks odd beside the rest.
"""

import numpy as np
from numpy.typing import NDArray

NEAREST = 5  # tiles that a tile is compared with
FEWEST = 20  # tiles to compare with, below which nothing is said
MOST = 2000  # tiles to compare with, evenly spread over more, so that the time grows with the number of tiles only
DOUBTFUL = 1.3  # times nearer to the others when red and blue are exchanged
ANTISYMMETRIC = 3  # of the figures change their sign when red and blue are exchanged; the others stay

Floats = NDArray[np.float64]


def colour_figures(pixels: NDArray[np.uint8]) -> Floats:
    """Return nine figures of the colours of a tile, three of which change their sign when red and blue are exchanged.

    Args:
        pixels: RGB pixels of a small version of the tile, uint8 (N, 3).
    """
    red, green, blue = pixels.astype(np.float64).T
    warm, green_excess, light = red - blue, green - (red + blue) / 2, (red + green + blue) / 3

    def slope(of: Floats, over: Floats) -> float:
        return float(np.mean((of - of.mean()) * (over - over.mean())) / (over.std() + 1))  # + 1 grey level: flat tiles

    return np.array(
        [
            *(warm.mean(), slope(warm, light), slope(warm, green_excess)),
            *(green_excess.mean(), slope(green_excess, light), warm.std(), green_excess.std()),
            *(light.mean(), light.std()),
        ]
    )


def exchange_scores(tiles: Floats, reference: Floats, *, same: bool) -> Floats:
    """Return for each tile how many times nearer to the reference tiles it is with red and blue exchanged.

    Args:
        tiles: figures of :func:`colour_figures`, float (N, 9).
        reference: figures of the tiles to compare with, float (M, 9).
        same: whether the two are the same tiles, so that none is compared with itself.

    Returns:
        Ratios of distances, float (N,): above 1 the exchanged tile is nearer; 0 where there are too few tiles to tell.
    """
    if len(reference) < FEWEST:
        return np.zeros(len(tiles))
    scale = reference.std(axis=0) + 1e-9
    scale[:ANTISYMMETRIC] = np.sqrt(np.mean(reference[:, :ANTISYMMETRIC] ** 2, axis=0)) + 1e-9
    exchange = np.ones(tiles.shape[1])
    exchange[:ANTISYMMETRIC] = -1
    as_is = _mean_distance(tiles / scale, reference / scale, same=same)
    exchanged = _mean_distance(tiles * exchange / scale, reference / scale, same=same)
    return as_is / np.maximum(exchanged, 1e-9)


def _mean_distance(tiles: Floats, reference: Floats, *, same: bool) -> Floats:
    """Return the root mean square distance of each tile to the nearest reference tiles, float (N,)."""
    positions = np.arange(len(reference))[:: -(-len(reference) // MOST)]
    chosen, means = reference[positions], []
    for index, tile in enumerate(tiles):
        squares = np.sum((chosen - tile) ** 2, axis=1)
        if same:
            squares[positions == index] = np.inf
        means.append(np.sqrt(np.partition(squares, NEAREST)[:NEAREST].mean()))
    return np.array(means)
