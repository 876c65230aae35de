"""Reads the bands of rasters by name, in the values that they store, on the grid of the tiles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.datasets.description import DTYPES
from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.labelling.tile_grid import TileGrid, raster_window, resample
from mmseg_aux_hrnet.raster.bands import ALPHA, SPELLINGS, Band, by_name, choose_bands
from mmseg_aux_hrnet.raster.dataset import is_map, open_dataset, reading_rows
from mmseg_aux_hrnet.raster.validity import NoData, find_transparency, pixel_reader
from mmseg_aux_hrnet.raster.values import palette_colours, sample_values

BUDGET = 64 * 2**20  # bytes of stored values that are read at a time; resampling takes several times as much
PERCENTILES = (0.5, 99.5)  # of the values of all rasters: what lies beyond is clipped by --scale auto
Ranges = tuple[tuple[float, float], ...]


class Wanted(NamedTuple):
    """Which bands tiles have, and what their values are.

    Attributes:
        bands: names or indices from 1 as the command line says; None for red, green and blue as the raster says.
        nodata: which values stand for nothing, beside what the raster says.
    """

    bands: tuple[str, ...] | None = None
    nodata: NoData = NoData()


class Imagery:
    """A raster that is open, for one thread.

    Attributes:
        path: its file.
        grid: of the tiles.
        names: of the bands that are read, in their order.
        dtype: of the values: uint8, uint16 or float32.
        notes: lines that a user should read.

    Args:
        path: its file.
        dataset: the same, open in rasterio.
        wanted: bands and nodata.
        gsd: metres of a pixel of the tiles; None for the raster's own.

    Raises:
        RasterError: it is a map of classes or probabilities.
        DataError: it has no reference system of maps.
        ConfigError: a band is missing, or it is not certain which it is.
    """

    def __init__(self, path: Path, dataset: Any, wanted: Wanted, *, gsd: float | None) -> None:
        if is_map(dataset.tags()):
            raise RasterError(f'{path} is a predicted map, not an image: name its raster')
        self.path = path
        self._dataset = dataset
        try:
            self.grid = TileGrid.over(
                dataset.crs, dataset.transform, height=dataset.height, width=dataset.width, gsd=gsd
            )
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        except ValueError as error:
            raise RasterError(f'{path}: {error}') from error
        told = zip(dataset.indexes, dataset.colorinterp, dataset.descriptions, strict=True)
        described = [Band(number, colour.name, description or None) for number, colour, description in told]
        self.notes: list[str] = []
        try:
            self._palette = _palette(dataset, described) if wanted.bands is None else None
            self.numbers: tuple[int, ...] = (1,)
            self.names: tuple[str, ...] = RGB
            if self._palette is None:
                self.numbers, self.names, notes = _choose(described, wanted.bands)
                self.notes += [f'{path}: {note}' for note in notes]
            others = [band for band in described if band.number not in self.numbers]
            alpha, said = find_transparency(dataset, others)
            self.notes += [f'{path}: {note}' for note in said]
            self._read = list(dict.fromkeys(self.numbers))
            self._read_pixels = pixel_reader(dataset, bands=self._read, alpha=alpha, nodata=wanted.nodata)
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        self.dtype = 'uint8' if self._palette is not None else stored_type([dataset.dtypes[n - 1] for n in self._read])
        bits = {dataset.tags(band, ns='IMAGE_STRUCTURE').get('NBITS', '8') for band in self._read}
        self.is_8bit = self.dtype == 'uint8' and bits == {'8'}

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values (bands, H, W) and valid pixels, bool (H, W), of a window of the grid.

        The window may reach beyond the grid; what lies there, and what is not valid, is 0.

        Raises:
            RasterError: the file is damaged there.
        """
        inside = self.grid.inside(window)
        if self.grid.is_raster:
            values, valid = self._read_window(inside)
        else:
            part = raster_window(inside, self.grid.steps, height=self._dataset.height, width=self._dataset.width)
            values, valid = resample(*self._read_window(part), read=part, window=inside, steps=self.grid.steps)
        whole = np.zeros((len(values), window.height, window.width), values.dtype)
        seen = np.zeros((window.height, window.width), bool)
        whole[:, : inside.height, : inside.width] = np.where(valid, values, values.dtype.type(0))
        seen[: inside.height, : inside.width] = valid
        return whole, seen

    def strips(self, tile: int, *, overlap: int) -> Iterator[list[Window]]:
        """Yield the windows of all tiles, neighbours in a row together: rasters in strips are decoded once for many."""
        steps = self.grid.steps
        per_tile = tile**2 * steps[0] * steps[1] * len(self.numbers) * np.dtype(self.dtype).itemsize
        most = max(1, int(BUDGET / per_tile))
        strip: list[Window] = []
        for window in self.grid.windows(tile, overlap=overlap):
            if strip and (window.row_off != strip[0].row_off or len(strip) == most):
                yield strip
                strip = []
            strip.append(window)
        yield strip

    def _read_window(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        with reading_rows(self.path, window):
            values, valid = self._read_pixels(window)
        if self._palette is not None:
            colours, visible = self._palette
            valid &= visible[values[0]]
            values = np.moveaxis(colours[values[0]], -1, 0)
        elif len(self._read) < len(self.numbers):
            values = values[[self._read.index(number) for number in self.numbers]]
        return values.astype(self.dtype, copy=False), valid

    def sample(self) -> NDArray[Any]:
        """Return the valid values of blocks all over the raster for each band, (bands, N)."""
        found = [sample_values(self._dataset, [number]) for number in self.numbers]
        return np.stack([values[: min(map(len, found))] for values in found])


@contextmanager
def open_imagery(path: Path, wanted: Wanted, *, gsd: float | None) -> Iterator[Imagery]:
    """Open a raster for reading in one thread; see :class:`Imagery` for what is raised."""
    with open_dataset(path) as dataset:
        yield Imagery(path, dataset, wanted, gsd=gsd)


def _palette(dataset: Any, bands: Sequence[Band]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    kind = np.dtype(dataset.dtypes[0])
    if len(bands) > 1 or bands[0].interpretation != ColorInterp.palette.name or kind not in (np.uint8, np.uint16):
        return None
    return palette_colours(dataset.colormap(1), kind)


def _choose(bands: Sequence[Band], wanted: Sequence[str] | None) -> tuple[tuple[int, ...], tuple[str, ...], list[str]]:
    """Return the numbers of the bands, their names, and notes."""
    if wanted is None:
        seen = [band for band in bands if band.interpretation != ALPHA]
        if len(seen) == 1:
            only = seen[0].number
            raise ConfigError(f'it has one band of colours ({seen[0]}): give --bands {only}, or --bands grey={only}')
        numbers, note = choose_bands(bands, None)
        others = [str(band) for band in seen if band.number not in numbers]
        left = f'left out: band {", ".join(others)} (--bands takes it)' if others else None
        return numbers, RGB, [text for text in (note, left) if text]
    found = [_find(bands, each) for each in wanted]
    names = [name for _, name in found]
    if len(set(names)) < len(names):
        raise ConfigError(f'--bands {",".join(wanted)} names a band twice ({", ".join(names)}): name each once')
    bare = [f'{name.removeprefix("band")} is called {name}' for number, name in found if name == f'band{number}']
    note = f'band {", ".join(bare)}: --bands red=1,nir=4 gives bands names' if bare else None
    return tuple(number for number, _ in found), tuple(names), [note] if note else []


def _find(bands: Sequence[Band], wanted: str) -> tuple[int, str]:
    """Return the number and the name of a band that is wanted by name, by number, or as NAME=NUMBER."""
    said, _, number = (part.strip().lower() for part in wanted.rpartition('='))
    if not number.isdecimal():
        name = SPELLINGS.get(wanted.lower(), wanted.lower())
        try:
            return by_name(bands, [name])[0], name
        except ConfigError as error:
            raise ConfigError(f'{error}; name others, or give numbers with --bands, such as {name}=1') from error
    if not 1 <= int(number) <= len(bands):
        raise ConfigError(f'--bands {wanted}: there is no band {number}; the bands are {", ".join(map(str, bands))}')
    band = bands[int(number) - 1]
    own = band.described or (band.interpretation if band.interpretation in RGB else f'band{band.number}')
    return band.number, SPELLINGS.get(said or own, said or own)


def stored_type(kinds: Sequence[str]) -> str:
    """Return the type in which tiles of values of some types are stored.

    Raises:
        ConfigError: whole numbers of more than 16 bits may not fit into a float32.
    """
    kind = np.result_type(*kinds)
    if str(kind) in DTYPES:
        return str(kind)
    if kind.kind in 'iu' and kind.itemsize > 2 and str(kind) != 'int32':
        raise ConfigError(f'values of type {kind} do not fit into the tiles: convert the raster to uint16 or float32')
    return 'float32'


def check_scale(imagery: Imagery, *, given: bool) -> None:
    """Raise ConfigError where values of other than 8 bits have no scale."""
    if given or imagery.is_8bit:
        return
    values = imagery.sample()
    span = f', about {values.min():g} to {values.max():g}' if values.size else ''
    raise ConfigError(
        f'{imagery.path}: the values are {imagery.dtype}{span}: give --scale LOW:HIGH, which become 0 and 255, or '
        '--scale auto'
    )


def measured_scale(samples: Sequence[NDArray[Any]]) -> Ranges:
    """Return for each band the values that become 0 and 255: percentiles of samples.

    Args:
        samples: of each raster, (bands, N).

    Raises:
        ConfigError: there is no valid value, or a band has only one.
    """
    together = np.concatenate(samples, axis=1).astype(np.float64)
    if not together.shape[1]:
        raise ConfigError('--scale auto: samples of the rasters hold no valid pixel; give --scale LOW:HIGH')
    ranges = [tuple(float(f'{value:.6g}') for value in np.percentile(band, PERCENTILES)) for band in together]
    flat = [number for number, (low, high) in enumerate(ranges) if not low < high]
    if flat:
        raise ConfigError(f'--scale auto: band {flat[0] + 1} of the tiles has one value only; give --scale LOW:HIGH')
    return tuple((low, high) for low, high in ranges)
