"""Tells which pixels of a raster hold a measurement: nodata values, masks and transparency."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window


class MaskPlan(NamedTuple):
    """Which masks of a raster decide about its pixels.

    Attributes:
        each: bands, from 1, whose mask must be set, each of them.
        any: bands of which one mask at least must be set; empty where none has to.
        alpha: bands that must not be 0.
    """

    each: tuple[int, ...]
    any: tuple[int, ...]
    alpha: tuple[int, ...]


def plan_masks(dataset: Any, *, bands: Sequence[int], alpha: Sequence[int]) -> MaskPlan:
    """Return the masks that matter to some bands.

    A nodata value of 8 bits is also a colour, such as the black of shadows, so only a pixel that has it in all bands is
    nodata (as in rasterio's ``dataset_mask``). In other types it is no measurement in any band.

    Args:
        dataset: of rasterio.
        bands: those that are read, from 1.
        alpha: those that are transparency, from 1.
    """
    read = list(dict.fromkeys(bands))
    flags = {band: set(dataset.mask_flag_enums[band - 1]) for band in read}
    masked = [band for band in read if not flags[band] & {MaskFlags.all_valid, MaskFlags.alpha}]
    shared = [band for band in masked if MaskFlags.per_dataset in flags[band]]
    if shared:
        return MaskPlan((shared[0],), (), tuple(alpha))
    colours = [band for band in masked if MaskFlags.nodata in flags[band] and dataset.dtypes[band - 1] == 'uint8']
    others = tuple(band for band in masked if band not in colours)
    return MaskPlan(others, tuple(colours) if colours == read else (), tuple(alpha))


def read_valid(dataset: Any, window: Window, plan: MaskPlan) -> NDArray[np.bool_]:
    """Return which pixels of a window are valid, bool (H, W); partly transparent ones are."""
    valid = np.ones((window.height, window.width), bool)
    for band in plan.each:
        valid &= dataset.read_masks(band, window=window) != 0
    if plan.any:
        valid &= (dataset.read_masks(list(plan.any), window=window) != 0).any(axis=0)
    for band in plan.alpha:
        valid &= dataset.read(band, window=window) != 0
    return valid
