"""Cuts rasters into tiles: which windows are kept, and the files of their images."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.labelling.imagery import Imagery
from mmseg_aux_hrnet.labelling.labels import Paint
from mmseg_aux_hrnet.labelling.request import SUFFIXES, TileRequest
from mmseg_aux_hrnet.labelling.survey import Raster, Survey
from mmseg_aux_hrnet.labelling.writing import IGNORED, Tile, TileStore, moments_of
from mmseg_aux_hrnet.raster.dataset import GDAL_ERRORS, gdal, reason
from mmseg_aux_hrnet.raster.values import Scale, to_8bit

THREADS = min(4, os.cpu_count() or 1)
WAITING = 4 * THREADS  # tiles that are not written yet, at most
JPEG = {'quality': 95, 'subsampling': 0}  # colours at full resolution: edges of roofs are a pixel wide
PREDICTOR = {'u': 2, 'f': 3}


class Place(NamedTuple):
    """Where a tile is from.

    Attributes:
        raster: its number.
        window: of the raster's grid.
    """

    raster: int
    window: Window


@dataclass
class Progress:
    """What has come of the tiles so far.

    Attributes:
        store: where they wait.
        places: where each tile is from, by stem.
        left_out: how many were not kept, by reason.
        failed: what is wrong with rasters, by path.
        notes: lines that a user should read.
    """

    store: TileStore
    places: dict[str, Place] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    failed: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Cutter:
    """Cuts one raster into tiles.

    Args:
        number: of the raster.
        raster: what is known of it.
        imagery: the same, open.
        paint: its labels.
        request: how.
        survey: of all rasters.
    """

    def __init__(
        self, number: int, raster: Raster, imagery: Imagery, paint: Paint, *, request: TileRequest, survey: Survey
    ) -> None:
        self._number = number
        self._raster = raster
        self._imagery = imagery
        self._paint = paint
        self._request = request
        self._survey = survey

    def cut(self, progress: Progress, pool: ThreadPoolExecutor) -> Iterator[int]:
        """Write the tiles that are kept, several at a time, and yield how many were looked at.

        Raises:
            RasterError: the raster is damaged.
            OSError: they cannot be written.
        """
        waiting: list[Future[Tile]] = []
        seen = 0
        try:
            for strip in self._imagery.strips(self._request.tile, overlap=self._request.overlap):
                for window, values, valid, label in self._read(strip):
                    reason = self._why_not(valid, label)
                    if reason is None:
                        stem = f'{self._raster.name}_{window.row_off:05d}_{window.col_off:05d}'
                        waiting.append(pool.submit(self._write, progress.store, stem, window, values, valid, label))
                        progress.places[stem] = Place(self._number, window)
                    else:
                        progress.left_out[reason] += 1
                    while len(waiting) > WAITING:
                        waiting.pop(0).result()
                seen += len(strip)
                yield seen
        finally:
            failures = [error for error in (future.exception() for future in waiting) if error is not None]
        if failures:
            raise failures[0]

    def _read(
        self, strip: Sequence[Window]
    ) -> Iterator[tuple[Window, NDArray[Any], NDArray[np.bool_], NDArray[np.uint8]]]:
        first, last = strip[0], strip[-1]
        whole = Window(first.col_off, first.row_off, last.col_off + last.width - first.col_off, first.height)
        values, valid = self._imagery.read(whole)
        label = np.where(valid, self._paint(whole), np.uint8(IGNORED))
        for window in strip:
            columns = slice(window.col_off - first.col_off, window.col_off - first.col_off + window.width)
            yield window, values[:, :, columns], valid[:, columns], label[:, columns]

    def _why_not(self, valid: NDArray[np.bool_], label: NDArray[np.uint8]) -> str | None:
        """Return why a tile is left out; None where it is not."""
        if not valid.any() or 1 - valid.mean() > self._request.max_nodata:
            return f'more than {100 * self._request.max_nodata:g} % without data (--max-nodata)'
        if (label == IGNORED).all():
            return 'no pixel with a label'
        return None

    def _write(
        self,
        store: TileStore,
        stem: str,
        window: Window,
        values: NDArray[Any],
        valid: NDArray[np.bool_],
        label: NDArray[np.uint8],
    ) -> Tile:
        # By the function that training and maps scale by: mean and sd are those of what a network is shown.
        shown = values if self._survey.scale is None else to_8bit(values, Scale.of(self._survey.scale))
        stored = values if self._request.image_format == 'tif' else shown
        write = tile_writer(
            stored,
            valid,
            kind=self._request.image_format,
            bands=self._survey.bands,
            crs=self._raster.grid.crs,
            transform=self._raster.grid.moved(window),
        )
        suffix = SUFFIXES[self._request.image_format]
        return store.add(stem, suffix=suffix, label=label, write_image=write, moments=moments_of(shown, valid))


def tile_writer(
    values: NDArray[Any], valid: NDArray[np.bool_], *, kind: str, bands: Sequence[str], crs: CRS, transform: Affine
) -> Callable[[Path], object]:
    """Return what writes the image of a tile to a path.

    Args:
        values: of the bands, (bands, H, W); three of 8 bits for ``png`` and ``jpg``.
        valid: bool (H, W); becomes the mask of a GeoTIFF where it is not all.
        kind: ``tif``, ``png`` or ``jpg``.
        bands: their names.
        crs: of the tile.
        transform: of the tile.
    """
    if kind == 'tif':
        return partial(_write_geotiff, values=values, valid=valid, bands=bands, crs=crs, transform=transform)
    return partial(_write_picture, values=values, kind=kind)


def _write_picture(path: Path, *, values: NDArray[Any], kind: str) -> None:
    content = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(np.moveaxis(values, 0, -1)))
    image.save(content, format='JPEG' if kind == 'jpg' else 'PNG', **(JPEG if kind == 'jpg' else {}))
    path.write_bytes(content.getvalue())


def _write_geotiff(
    path: Path,
    *,
    values: NDArray[Any],
    valid: NDArray[np.bool_],
    bands: Sequence[str],
    crs: CRS,
    transform: Affine,
) -> None:
    count, height, width = values.shape
    profile: dict[str, Any] = {
        'driver': 'GTiff', 'width': width, 'height': height, 'count': count, 'dtype': values.dtype, 'crs': crs,
        'transform': transform, 'compress': 'deflate', 'zlevel': 6, 'predictor': PREDICTOR[values.dtype.kind],
        'interleave': 'pixel', 'photometric': 'rgb' if tuple(bands[:3]) == RGB else 'minisblack',
        'alpha': 'unspecified',  # else GDAL calls a fourth band transparency
    }  # fmt: skip
    # In memory first: GDAL raises no OSError where a disk is full.
    with gdal(GDAL_TIFF_INTERNAL_MASK='YES'), MemoryFile() as memory:
        try:
            with memory.open(**profile) as tile:
                tile.colorinterp = [ColorInterp[name] if name in RGB else ColorInterp.undefined for name in bands]
                tile.descriptions = tuple(bands)
                tile.write(values)
                if not valid.all():
                    tile.write_mask(valid)
        except GDAL_ERRORS as error:
            raise RasterError(f'{path} cannot be written ({reason(error)})') from error
        path.write_bytes(memory.read())
