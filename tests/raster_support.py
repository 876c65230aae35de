"""Writes small GeoTIFFs for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

UTM = 'EPSG:32633'
METRE = from_origin(500_000, 5_800_000, 1, 1)  # pixels of 1 m, north up
RGB = ('red', 'green', 'blue')


def write_raster(
    path: Path,
    values: np.ndarray,
    *,
    crs: str | None = UTM,
    transform: Affine | None = METRE,
    nodata: float | None = None,
    colours: Sequence[str] | None = None,
    descriptions: Sequence[str] | None = None,
    tags: dict[str, str] | None = None,
    mask: np.ndarray | None = None,
    **options: Any,
) -> Path:
    """Write an array (bands, H, W) or (H, W) as a GeoTIFF and return its path.

    Args:
        path: of the file.
        values: of any type that GDAL writes.
        crs: None for none.
        transform: None for none.
        nodata: value of pixels that hold nothing.
        colours: interpretation of every band; None for what GDAL makes of their number.
        descriptions: names of the bands.
        tags: of the data set.
        mask: bool (H, W), written as a mask of the data set: inside the file unless Env says otherwise.
        options: of the driver, such as ``tiled=True``.
    """
    bands = values[None] if values.ndim == 2 else values
    count, height, width = bands.shape
    placed = {} if transform is None else {'transform': transform}
    with rasterio.open(
        path, 'w', driver='GTiff', height=height, width=width, count=count, dtype=bands.dtype, crs=crs, nodata=nodata,
        **placed, **options,
    ) as raster:  # fmt: skip
        if colours is not None:
            raster.colorinterp = [ColorInterp[colour] for colour in colours]
        raster.write(bands)
        for index, description in enumerate(descriptions or (), start=1):
            raster.set_band_description(index, description)
        raster.update_tags(**(tags or {}))
        if mask is not None:
            raster.write_mask(mask)
    return path


def noise(count: int = 3, size: tuple[int, int] = (20, 30), *, dtype: str = 'uint8', seed: int = 0) -> np.ndarray:
    """Return seeded values 1..250 of a shape (count, H, W), so that 0 and 255 are free for nodata."""
    return np.random.default_rng(seed).integers(1, 251, (count, *size)).astype(dtype)
