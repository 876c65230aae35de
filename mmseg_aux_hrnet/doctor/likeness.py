"""Compares tiles: which show the same scene, and which look as if red and blue were exchanged.

Tiles are the same picture where they are equal pixel by pixel, or again encoded, resized, brightened, turned or
mirrored. The perceptual hash is the signs of the 8x8 low frequencies of the cosine transform of a 32x32 grey version
against their median (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010). A pair whose
hashes differ in few bits counts as near only where the grey versions also correlate, so that scenes alike are not taken
for the same one. Tiles that overlap by a strip are not found.

Whether red and blue were exchanged no single tile tells. Tiles of one place and camera have colours alike, though, such
as the blue of shadows and the yellow of soil: a tile whose figures lie nearer to those of the others after an exchange
was probably read in the other order.
"""

from collections.abc import Iterator

import cv2  # comes with mmcv
import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels of the grey version
BITS = 64
LARGEST_DISTANCE = 12  # bits
LEAST_CORRELATION = 0.8
FLATTEST = 3.0  # grey levels of standard deviation below which a tile has no picture to compare
BLOCK = 1024  # tiles compared at once
NEAREST = 5  # tiles that a tile is compared with
FEWEST = 20  # tiles to compare with, below which nothing is said
MOST = 2000  # tiles to compare with, evenly spread over more, so that the time grows with the number of tiles only
DOUBTFUL = 1.3  # times nearer to the others when red and blue are exchanged
ANTISYMMETRIC = 3  # of the figures change their sign when red and blue are exchanged; the others stay

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


def grey_thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey version of an RGB tile, uint8 (32, 32)."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def perceptual_hash(thumbnail: NDArray[np.uint8] | Floats32) -> Floats32:
    """Return the hash of a grey version (32, 32) as 64 values of -1 and 1."""
    low = cv2.dct(np.asarray(thumbnail, np.float32))[1:9, 1:9].ravel()
    return np.where(low > np.median(low), 1, -1).astype(np.float32)


def near_pairs(thumbnails: NDArray[np.uint8]) -> list[tuple[int, int, int, float]]:
    """Find the pairs of tiles that show the same, in any of the eight orientations.

    Args:
        thumbnails: grey versions, uint8 (N, 32, 32).

    Returns:
        The positions of both tiles, the bits in which their hashes differ, and their correlation, in the first
        orientation that fits; sorted.
    """
    grey = thumbnails.astype(np.float32)
    pictures = np.flatnonzero(grey.std(axis=(1, 2)) >= FLATTEST)
    grey = grey[pictures]
    if len(grey) < 2:
        return []
    hashes, standard = _comparable(grey)
    found: dict[tuple[int, int], tuple[int, int, int, float]] = {}
    for mirrored in (grey, grey[:, :, ::-1]):
        for quarters in range(4):
            turned, turned_standard = _comparable(np.rot90(mirrored, quarters, axes=(1, 2)))
            for first, second in _close(hashes, turned):
                correlation = float(standard[first] @ turned_standard[second])
                if correlation >= LEAST_CORRELATION:
                    distance = int((BITS - hashes[first] @ turned[second]) / 2)
                    pair = (int(pictures[first]), int(pictures[second]), distance, correlation)
                    found.setdefault((first, second), pair)
    return sorted(found.values())


def _comparable(grey: Floats32) -> tuple[Floats32, Floats32]:
    """Return what two tiles are compared by with a dot product.

    Args:
        grey: float (N, 32, 32).

    Returns:
        The hashes, (N, 64), and the pixels of each tile with mean 0 and length 1, (N, 1024): their product is the
        correlation.
    """
    hashes = np.stack([perceptual_hash(np.ascontiguousarray(tile)) for tile in grey])  # cv2 takes no turned views
    flat = grey.reshape(len(grey), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return hashes, np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True), np.float32)


def _close(hashes: Floats32, turned: Floats32) -> Iterator[tuple[int, int]]:
    """Yield the pairs, first below second, whose hashes differ in few bits; products of matrices, block by block."""
    least = BITS - 2 * LARGEST_DISTANCE  # each bit that differs takes 2 from the product
    for start in range(0, len(hashes), BLOCK):
        products = hashes[start : start + BLOCK] @ turned.T
        for row, column in np.argwhere(products >= least).tolist():
            if start + row < column:
                yield start + row, column


def colour_figures(pixels: NDArray[np.uint8]) -> Floats:
    """Return nine figures of the colours of a tile, three of them change their sign when red and blue are exchanged.

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
    # Those that change their sign are measured from 0, the same for a tile and its exchanged version.
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
            squares[positions == index] = np.inf  # else each tile would be nearest to itself as it is
        means.append(np.sqrt(np.partition(squares, NEAREST)[:NEAREST].mean()))
    return np.array(means)
