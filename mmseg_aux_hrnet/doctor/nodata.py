"""Finds the pixels of a tile that hold no picture: declared, transparent, or black or white edges."""

import cv2  # comes with mmcv
import numpy as np
from numpy.typing import NDArray

EDGE_COLOURS = (0, 255)
SMALLEST_EDGE = 0.005  # of the tile; shadows and roofs in a corner are smaller as a rule


def nodata_mask(
    image: NDArray[np.uint8], *, alpha: NDArray[np.uint8] | None = None, declared: int | None = None
) -> NDArray[np.bool_]:
    """Return where a tile has no data, bool (H, W).

    A pixel has none where its alpha is 0, where all its channels have the declared value, or where it belongs to an
    area of exact black or exact white that reaches a corner of the tile and covers at least 0.5 % of it, as the edges
    of orthophotos do.

    Args:
        image: RGB, uint8 (H, W, 3).
        alpha: opacity, uint8 (H, W), where the file has it.
        declared: the value that the file declares for no data.
    """
    mask = np.zeros(image.shape[:2], np.bool_)
    if alpha is not None:
        mask |= alpha == 0
    if declared is not None:
        mask |= (image == declared).all(axis=-1)
    for colour in EDGE_COLOURS:
        if any((image[row, column] == colour).all() for row in (0, -1) for column in (0, -1)):
            mask |= _corner_areas((image == colour).all(axis=-1))
    return mask


def _corner_areas(same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected areas of ``same`` that hold a corner and are large enough."""
    _, areas, statistics, _ = cv2.connectedComponentsWithStats(same.astype(np.uint8), connectivity=8)
    corners = {int(areas[row, column]) for row in (0, -1) for column in (0, -1)} - {0}
    large = [area for area in corners if statistics[area, cv2.CC_STAT_AREA] >= SMALLEST_EDGE * same.size]
    return np.isin(areas, large)
