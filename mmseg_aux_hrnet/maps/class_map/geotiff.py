"""Writes maps as cloud-optimised GeoTIFF, from rows that come one block after the other."""

import logging
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.errors import RasterError, ResourceError, one_line
from mmseg_aux_hrnet.files.whole import remove_companions, unique_part, whole_file, write_whole
from mmseg_aux_hrnet.maps.legend import NODATA, legend_tags
from mmseg_aux_hrnet.maps.styles import STYLE, category_names, class_style
from mmseg_aux_hrnet.raster.dataset import GDAL_ERRORS, gdal, open_dataset

logging.getLogger('rasterio').addHandler(logging.NullHandler())  # what GDAL logs comes as an error too
TILE = 512  # pixels, side of the tiles of the file
LEVEL = '5'  # of DEFLATE, 1 to 9: 6 takes 1.4 times as long and saves a few per cent
Rows = NDArray[Any]  # (bands, rows, width)


@dataclass(frozen=True)
class Grid:
    """Where a raster lies.

    Attributes:
        height: in pixels.
        width: in pixels.
        crs: reference system of its coordinates; None where it says none.
        transform: from (column, row) to coordinates.
        placed: whether the raster says that; where it does not, they are pixels, and a map that said so would lie
            elsewhere than the raster in programs that draw such rows downwards.
    """

    height: int
    width: int
    crs: Any
    transform: Affine
    placed: bool = True


@dataclass(frozen=True)
class Layer:
    """What the pixels of a map mean.

    Attributes:
        dtype: uint8 or uint16.
        nodata: value of pixels that hold nothing.
        bands: a description of each band.
        tags: of the file.
        colours: red, green, blue of each value; None for none.
        step: what one step of the values stands for; None where they are not quantities.
        beside: what the files beside it hold that go with it, by what comes after its name, ``STYLE`` in the place of
            its suffix.
    """

    dtype: str
    nodata: int
    bands: tuple[str, ...]
    tags: dict[str, str]
    colours: tuple[tuple[int, int, int], ...] | None = None
    step: float | None = None
    beside: dict[str, bytes] = field(default_factory=dict)


def class_layer(legend: Classes, tags: dict[str, str]) -> Layer:
    """Return the layer of a class map."""
    beside = {STYLE: class_style(legend), '.aux.xml': category_names(legend)}
    return Layer('uint8', NODATA, ('class',), {**legend_tags(legend), **tags}, colours=legend.palette, beside=beside)


def write_map(
    path: Path, rows: Iterable[Rows], *, grid: Grid, layer: Layer, scratch: Path, part: Path | None = None
) -> None:
    """Write a cloud-optimised GeoTIFF, tiled, compressed and with overviews.

    It is read again and compared before it gets its name, because GDAL does not report every failed write, and not all
    that a format cannot hold. What the keys of GeoTIFF cannot say of a reference system lies in ``NAME.tif.aux.xml``,
    where GDAL finds it. Files of that kind that belonged to an earlier map are removed.

    Args:
        path: the file.
        rows: from top to bottom, each (bands, some rows, width).
        grid: where the map lies.
        layer: what it holds.
        scratch: folder for a file of the same content, which is removed.
        part: as in :func:`~mmseg_aux_hrnet.files.whole.whole_file`.

    Raises:
        ResourceError: it cannot be written whole, mostly on a full disk; what was at ``path`` before is there still.
        RasterError: GDAL cannot write what the grid or the layer says.
        OSError: the same.
    """
    plain = unique_part(scratch / 'map.tif')
    resampling, predictor = ('MODE', 'NO') if layer.step is None else ('AVERAGE', 'STANDARD')
    options = {
        'BLOCKSIZE': str(TILE),
        'COMPRESS': 'DEFLATE',
        'LEVEL': LEVEL,
        'NUM_THREADS': 'ALL_CPUS',  # the bytes are the same for any count
        'OVERVIEW_RESAMPLING': resampling,
        'PREDICTOR': predictor,
    }
    try:
        # CPL_LOG: GDAL prints to the screen what it also raises, in the middle of the progress bars.
        with gdal(CPL_LOG=os.devnull), whole_file(path, part=part) as part:
            sums = _write_plain(plain, rows, grid=grid, layer=layer)
            rasterio.shutil.copy(plain, part, driver='COG', BIGTIFF='IF_SAFER', **options)
            said = Path(f'{part}.aux.xml')  # by GDAL, where the keys of GeoTIFF do not suffice
            try:
                _compare(path, part, said, grid=grid, layer=layer, sums=sums)
                remove_companions(path)
                for suffix, content in _beside(layer, said).items():
                    write_whole(path.with_suffix(suffix) if suffix == STYLE else f'{path}{suffix}', content)
            finally:
                said.unlink(missing_ok=True)
    except GDAL_ERRORS as error:
        raise ResourceError(
            f'{path} cannot be written ({one_line(error)}): make room on its disk, then continue with --resume'
        ) from error
    finally:
        plain.unlink(missing_ok=True)
        Path(f'{plain}.aux.xml').unlink(missing_ok=True)


def _beside(layer: Layer, said: Path) -> dict[str, bytes]:
    """Return what goes beside a map: what belongs to its layer, and what its GeoTIFF could not hold."""
    if not said.exists():
        return layer.beside
    side_file = ElementTree.fromstring(layer.beside.get('.aux.xml', b'<PAMDataset/>'))
    side_file[:0] = [child for child in ElementTree.parse(said).getroot() if child.tag != 'PAMRasterBand']
    return {**layer.beside, '.aux.xml': ElementTree.tostring(side_file)}


def _compare(path: Path, part: Path, said: Path, *, grid: Grid, layer: Layer, sums: list[int]) -> None:
    """Check a map by reading it; a reference system that it lost is written beside it, into ``said``."""
    with open_dataset(part) as written:
        lost = written.crs != grid.crs
    if lost and grid.crs is not None:
        said.write_text(f'<PAMDataset><SRS>{escape(grid.crs.to_wkt())}</SRS></PAMDataset>', encoding='utf-8')
    with open_dataset(part) as written:
        found = written.crs, written.transform, {*written.nodatavals}, written.count, written.shape
        meant = grid.crs, grid.transform, {layer.nodata}, len(layer.bands), (grid.height, grid.width)
        names = ('reference system', 'place', 'nodata value', 'number of bands', 'size')
        for name, one, other in zip(names, found, meant, strict=True):
            if one != other:
                raise RasterError(
                    f'{path}: GDAL cannot write the {name} {other} of the raster, but {one}: reproject it'
                )
        for index, expected in enumerate(sums):
            window = Window(0, index * TILE, written.width, min(TILE, written.height - index * TILE))
            if _checksum(written.read(window=window)) != expected:
                raise ResourceError(f'{path} does not hold what was written to it: make room, and check the disk')


def _write_plain(path: Path, rows: Iterable[Rows], *, grid: Grid, layer: Layer) -> list[int]:
    """Write a tiled GeoTIFF and return a checksum of each row of tiles."""
    profile = {
        'driver': 'GTiff', 'height': grid.height, 'width': grid.width, 'count': len(layer.bands), 'dtype': layer.dtype,
        'crs': grid.crs, 'nodata': layer.nodata, 'tiled': True, 'blockxsize': TILE,
        'blockysize': TILE, 'compress': 'deflate', 'zlevel': 1, 'BIGTIFF': 'IF_SAFER',
        'interleave': 'band',  # of 19 bands by pixel, overviews take five times as long
        'photometric': 'MINISBLACK',  # else three bands of probabilities would pass for red, green and blue
    }  # fmt: skip
    if grid.placed:
        profile['transform'] = grid.transform
    sums = []
    with rasterio.open(path, 'w', **profile) as out:
        out.update_tags(**layer.tags)
        for index, name in enumerate(layer.bands, start=1):
            out.set_band_description(index, name)
        if layer.colours is not None:
            table = {value: (*colour, 255) for value, colour in enumerate(layer.colours)}
            out.write_colormap(1, {**table, layer.nodata: (0, 0, 0, 0)})
        if layer.step is not None:
            out.scales = (layer.step,) * len(layer.bands)
            out.offsets = (0.0,) * len(layer.bands)
        top = 0
        for strip in _tile_rows(rows):
            out.write(strip, window=Window(0, top, grid.width, strip.shape[1]))
            sums.append(_checksum(strip))
            top += strip.shape[1]
    return sums


def _tile_rows(rows: Iterable[Rows]) -> Iterator[Rows]:
    """Yield the same rows, as many at a time as tiles are high, so that each tile is compressed once."""
    waiting: list[Rows] = []
    count = 0
    for part in rows:
        waiting.append(part)
        count += part.shape[1]
        if count >= TILE:
            whole = np.concatenate(waiting, axis=1)
            full = count - count % TILE
            for top in range(0, full, TILE):
                yield whole[:, top : top + TILE]
            waiting, count = [whole[:, full:]], count - full
    if count:
        yield np.concatenate(waiting, axis=1)


def _checksum(rows: Rows) -> int:
    return zlib.crc32(np.ascontiguousarray(rows).tobytes())
