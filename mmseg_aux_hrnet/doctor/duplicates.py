"""Finds tiles that are the same picture: pixel by pixel, or again encoded, resized, brightened, turned or mirrored.

The perceptual hash is the signs of the 8x8 low frequencies of the cosine transform of a 32x32 grey version against
their median (C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010). A pair whose hashes
differ in few bits counts as near only where the grey versions also correlate, so that scenes alike are not taken for
the same one. Tiles that overlap by a strip are not found.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2  # comes with mmcv
import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels of the grey version
BITS = 64
LARGEST_DISTANCE = 12  # bits
LEAST_CORRELATION = 0.8
FLATTEST = 3.0  # grey levels of standard deviation below which a tile has no picture to compare
BLOCK = 1024  # tiles compared at once

Thumbnails = NDArray[np.float32]


class NearPair(NamedTuple):
    """Two tiles by their positions, with the bits in which their hashes differ and the correlation."""

    first: int
    second: int
    distance: int
    correlation: float


def grey_thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey version of an RGB tile, uint8 (32, 32)."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def perceptual_hash(thumbnail: NDArray[np.uint8] | Thumbnails) -> NDArray[np.float32]:
    """Return the hash of a grey version (32, 32) as 64 values of -1 and 1."""
    low = cv2.dct(np.asarray(thumbnail, np.float32))[1:9, 1:9].ravel()
    return np.where(low > np.median(low), 1, -1).astype(np.float32)


def exact_groups(digests: Sequence[str]) -> list[list[int]]:
    """Return the positions of equal digests, the groups of two and more."""
    groups: dict[str, list[int]] = defaultdict(list)
    for position, digest in enumerate(digests):
        groups[digest].append(position)
    return [group for group in groups.values() if len(group) > 1]


def near_pairs(thumbnails: NDArray[np.uint8]) -> list[NearPair]:
    """Return the pairs of tiles, uint8 (N, 32, 32), that show the same, in any of the eight orientations."""
    grey = thumbnails.astype(np.float32)
    kept = np.flatnonzero(grey.std(axis=(1, 2)) >= FLATTEST)
    grey = grey[kept]
    if len(grey) < 2:
        return []
    hashes, standard = _hashes(grey), _standardised(grey)
    best: dict[tuple[int, int], NearPair] = {}
    for oriented in _orientations(grey):
        turned, turned_standard = _hashes(oriented), _standardised(oriented)
        for first, second in _close(hashes, turned):
            correlation = float(standard[first] @ turned_standard[second])
            if correlation >= LEAST_CORRELATION:
                distance = int((BITS - hashes[first] @ turned[second]) / 2)
                pair = NearPair(int(kept[first]), int(kept[second]), distance, correlation)
                best.setdefault((first, second), pair)
    return sorted(best.values())


def _orientations(grey: Thumbnails) -> Iterator[Thumbnails]:
    """Yield the tiles as they are, turned by quarters, and the mirror images of these."""
    for mirrored in (grey, grey[:, :, ::-1]):
        for quarters in range(4):
            yield np.rot90(mirrored, quarters, axes=(1, 2))


def _hashes(grey: Thumbnails) -> NDArray[np.float32]:
    return np.stack([perceptual_hash(np.ascontiguousarray(tile)) for tile in grey])


def _standardised(grey: Thumbnails) -> NDArray[np.float32]:
    """Return the pixels of each tile with mean 0 and length 1, so that a dot product is the correlation."""
    flat = grey.reshape(len(grey), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True), np.float32)


def _close(hashes: NDArray[np.float32], turned: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield the pairs, first below second, whose hashes differ in few bits; products of matrices, block by block."""
    least = BITS - 2 * LARGEST_DISTANCE
    for start in range(0, len(hashes), BLOCK):
        products = hashes[start : start + BLOCK] @ turned.T
        for row, column in np.argwhere(products >= least).tolist():
            if start + row < column:
                yield start + row, column
