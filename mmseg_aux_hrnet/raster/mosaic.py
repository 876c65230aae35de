"""Rasters of one grid read as one: windows of the ground that all of them show, without a file of it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.raster.source import AS_IT_SAYS, Patch, RasterSource, Reading, open_source

MOST_OPEN = 128  # files: systems allow a process 256 or 1024, and others are open too


class Sheet(NamedTuple):
    """One raster of a mosaic.

    Attributes:
        path: its file.
        window: its pixels in those of the mosaic.
    """

    path: Path
    window: Window


class Ground(NamedTuple):
    """What the rasters of a mosaic cover together.

    Attributes:
        height: in pixels.
        width: in pixels.
        crs: None where they have none.
        transform: pixels to coordinates.
    """

    height: int
    width: int
    crs: CRS | None
    transform: Affine


@contextmanager
def open_mosaic(
    sheets: Sequence[Sheet], ground: Ground, reading: Reading = AS_IT_SAYS, *, nearest: bool = False
) -> Iterator['MosaicSource']:
    """Open rasters as one for reading, for use in one thread; files are opened when they are first read.

    Args:
        sheets: the rasters, the lowest first: where several have a valid pixel, the last of them is on top.
        ground: what they cover.
        reading: how their values become 8-bit images.
        nearest: instead the one is on top whose centre is nearest, of equally near ones the last.
    """
    with ExitStack() as files:
        yield MosaicSource(sheets, ground, reading, nearest=nearest, files=files)


class MosaicSource:
    """Rasters that are read as one, for one thread; as :func:`open_mosaic` gives it."""

    def __init__(
        self, sheets: Sequence[Sheet], ground: Ground, reading: Reading, *, nearest: bool, files: ExitStack
    ) -> None:
        self.height, self.width, self.crs, self.transform = ground
        self._sheets, self._reading, self._nearest, self._files = sheets, reading, nearest, files
        self._open: dict[int, RasterSource] = {}
        self._bounds = np.array([np.ravel(sheet.window.toranges()) for sheet in sheets])

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window that lies inside the mosaic.

        Raises:
            ValueError: the window reaches beyond the mosaic.
            RasterError: a file is damaged there, or is not what it was.
            ConfigError: the reading no longer fits a file.
        """
        (top, bottom), (left, right) = window.toranges()
        if not (0 <= top < bottom <= self.height and 0 <= left < right <= self.width):
            raise ValueError(f'{window} is not inside the mosaic, which is {self.height} x {self.width}')
        tops, bottoms, lefts, rights = self._bounds.T
        there = np.flatnonzero((tops < bottom) & (bottoms > top) & (lefts < right) & (rights > left))
        image = np.zeros((bottom - top, right - left, len(self._reading.names)), np.uint8)
        valid = np.zeros(image.shape[:2], bool)
        # Squares of distances in half pixels, whole numbers below 2 ** 53 and so exact.
        distances = np.full(image.shape[:2], np.inf) if self._nearest else None
        for number in there[::-1]:  # the uppermost first: what it covers is read of no other
            rows = slice(max(top, int(tops[number])), min(bottom, int(bottoms[number])))
            columns = slice(max(left, int(lefts[number])), min(right, int(rights[number])))
            part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            asked = ~valid[part]
            if distances is not None:
                distance = self._distances(number, rows, columns)
                asked = distance < distances[part]
            if not asked.any():
                continue
            patch = self._read(number, rows, columns)
            asked &= patch.valid
            cv2.copyTo(patch.image, asked.view(np.uint8), image[part])
            valid[part] |= asked
            if distances is not None:
                np.copyto(distances[part], distance, where=asked)
        return Patch(image, valid)

    def _distances(self, number: int, rows: slice, columns: slice) -> NDArray[np.float64]:
        """Return how far pixels of the mosaic lie from the centre of a sheet, squares of half pixels."""
        top, bottom, left, right = self._bounds[number]
        down = (2 * np.arange(rows.start, rows.stop) + 1 - (top + bottom)).astype(np.float64)
        across = (2 * np.arange(columns.start, columns.stop) + 1 - (left + right)).astype(np.float64)
        return np.asarray(down[:, None] ** 2 + across**2)

    def _read(self, number: int, rows: slice, columns: slice) -> Patch:
        top, _, left, _ = self._bounds[number]
        if number not in self._open:
            if len(self._open) == MOST_OPEN:
                self._open.clear()
                self._files.close()  # all, the last one first: each sets GDAL back to how the one before left it
            sheet = self._sheets[number]
            source = self._files.enter_context(open_source(sheet.path, self._reading))
            if (source.height, source.width) != (sheet.window.height, sheet.window.width):
                raise RasterError(f'{sheet.path} was changed while it was read: give --overwrite')
            self._open[number] = source
        window = Window(columns.start - left, rows.start - top, columns.stop - columns.start, rows.stop - rows.start)
        return self._open[number].read(window)
