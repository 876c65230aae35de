"""The parts of an image without a picture: areas of exact black or white that reach an edge, as around orthophotos."""

import cv2
import numpy as np
from numpy.typing import NDArray

COLLARS = (0, 255)  # black and white, with which mosaics of orthophotos are filled up
SMALLEST_COLLAR = 0.005  # of the image; shadows and roofs at an edge are smaller as a rule


def collar(image: NDArray[np.generic], colour: float) -> NDArray[np.bool_]:
    """Return the pixels of a fill colour without a picture, bool (H, W): large areas that reach an edge.

    Args:
        image: values of any type, (H, W, C).
        colour: exactly this in all channels.
    """
    edges = (0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)
    # Nearly all tiles have no such pixel there, so most of the work is left out for them.
    if not any((image[edge] == colour).all(axis=-1).any() for edge in edges):
        return np.zeros(image.shape[:2], bool)
    filled = (image == colour).all(axis=-1).astype(np.uint8)
    _, areas, statistics, _ = cv2.connectedComponentsWithStats(filled, connectivity=8)
    touching = np.unique(np.concatenate([areas[edge] for edge in edges]))
    large = statistics[touching, cv2.CC_STAT_AREA] >= SMALLEST_COLLAR * filled.size
    return np.isin(areas, touching[large & (touching > 0)])
