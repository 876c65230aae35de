"""The frame of a picture of a map: a coarse grid with north up, and the map and an image laid on it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.maps.class_map.reading import open_class_map
from mmseg_aux_hrnet.maps.ground import Ground
from mmseg_aux_hrnet.maps.legend import NODATA
from mmseg_aux_hrnet.maps.options import warn_once
from mmseg_aux_hrnet.maps.vector.pixel_grid import PixelGrid
from mmseg_aux_hrnet.maps.vector.polygons import WGS84, operation_note
from mmseg_aux_hrnet.raster.dataset import GDAL_CACHE, open_dataset, reading_rows
from mmseg_aux_hrnet.raster.source import RasterSource, Reading


def fit_frame(grid: PixelGrid, ground: Ground, *, longest_side: int) -> tuple[PixelGrid, float]:
    """Return the grid of a picture that holds a map, and how many metres a side of its pixels is on the ground.

    North is up, and its pixels are square on the ground, at the middle of the map.

    Args:
        grid: of the map.
        ground: of the map.
        longest_side: most pixels of the picture; it never has more than the map.
    """
    left, bottom, right, top = grid.outline().bounds
    along_x, along_y = ground.ellipsoid.unit_lengths((left + right) / 2, (bottom + top) / 2)
    width, height = (right - left) * along_x, (top - bottom) * along_y
    # Metres; by the second bound a picture has no more pixels than its map.
    pixel = max(max(height, width) / longest_side, max(height, width) / max(grid.shape))
    shape = max(1, round(height / pixel)), max(1, round(width / pixel))
    transform = Affine((right - left) / shape[1], 0, left, 0, (bottom - top) / shape[0], top)
    return PixelGrid(grid.crs, transform, shape), pixel


def map_values(path: Path, frame: PixelGrid, *, classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return the class that a map has at each pixel of the frame, ``NODATA`` elsewhere, uint8 (H, W).

    A coarse copy is read, from overviews where the map has them.
    """
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), open_class_map(path, classes=classes) as class_map:
        size = class_map.height, class_map.width
        # Twice as fine as the picture, whose pixels take the nearest: so nothing is off by more than a quarter pixel.
        factor = max(1.0, max(size) / (2 * max(frame.shape)))
        coarse = tuple(max(1, round(side / factor)) for side in size)
        values = class_map.read(Window(0, 0, size[1], size[0]), out_shape=(coarse[0], coarse[1]))
        to_map = ~class_map.transform @ frame.transform
    column, row = to_map @ np.meshgrid(np.arange(frame.shape[1]) + 0.5, np.arange(frame.shape[0]) + 0.5)
    rows = np.floor(row * coarse[0] / size[0]).astype(np.int64)
    columns = np.floor(column * coarse[1] / size[1]).astype(np.int64)
    inside = (rows >= 0) & (rows < coarse[0]) & (columns >= 0) & (columns < coarse[1])
    out = np.full(frame.shape, NODATA, np.uint8)
    out[inside] = values[rows[inside], columns[inside]]
    return out


def check_image(path: Path, *, reading: Reading) -> None:
    """Raise at once where :func:`image_pixels` would for the image alone.

    Raises:
        ConfigError: the reading does not fit it.
        DataError: it cannot be read or lies nowhere.
    """
    with open_dataset(path) as dataset:
        if dataset.crs is None:
            raise DataError(f'{path} has no coordinate reference system: it cannot be laid under the map')
        RasterSource(path, dataset, reading)


def image_pixels(path: Path, frame: PixelGrid, *, reading: Reading) -> NDArray[np.uint8]:
    """Return an image on the frame, uint8 RGB (H, W, 3), white where it has no data.

    Raises:
        ConfigError: the reading does not fit it.
        DataError: it cannot be read, lies nowhere, or does not overlap the frame.
    """
    check_image(path, reading=reading)  # a warped image would say less plainly what is wrong with it
    height, width = frame.shape
    window = Window(0, 0, width, height)
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), open_dataset(path) as dataset:
        palette = dataset.colorinterp[0] == ColorInterp.palette  # its values are numbers of colours: no mean has sense
        try:
            with WarpedVRT(
                dataset,
                crs=frame.crs.to_wkt(),
                transform=frame.transform,
                height=height,
                width=width,
                resampling=Resampling.nearest if palette else Resampling.average,
                # Else the frame around the image would be 0, that is black or the first colour of a palette.
                add_alpha=dataset.nodata is None,
            ) as warped:
                with reading_rows(path, window):
                    patch = RasterSource(path, warped, reading).read(window)
            _tell_accuracy(path, dataset, frame)
        except RasterioError as error:
            raise DataError(f'{path} cannot be laid under the map ({error})') from error
    if not patch.valid.any():
        raise DataError(f'{path} has no pixel inside the map: name the image that the map was made of')
    return np.where(patch.valid[..., None], patch.image, np.uint8(255))


def _tell_accuracy(path: Path, dataset: Any, frame: PixelGrid) -> None:
    """Warn where an image may lie metres off under a map."""
    with suppress(ProjError):  # GDAL has found a way of its own
        transformer = Transformer.from_crs(CRS.from_wkt(dataset.crs.to_wkt()), frame.crs, always_xy=True)
        transformer.transform(*dataset.xy(dataset.height // 2, dataset.width // 2))
        to_degrees = Transformer.from_crs(frame.crs, WGS84, always_xy=True)
        note = operation_note(transformer, bounds=to_degrees.transform_bounds(*frame.outline().bounds))
        if note is not None:
            warn_once(f'{path}: {note}')
