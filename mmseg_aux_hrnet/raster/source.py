"""A raster as the network needs it: windows of 8-bit RGB with the pixels that are valid."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.raster.alpha import find_transparency
from mmseg_aux_hrnet.raster.bands import COLOURS, Band, choose_bands, parse_bands
from mmseg_aux_hrnet.raster.dataset import open_dataset, reading_rows
from mmseg_aux_hrnet.raster.legend import CLASSES_TAG
from mmseg_aux_hrnet.raster.palette import Palette
from mmseg_aux_hrnet.raster.sample import describe_values
from mmseg_aux_hrnet.raster.scale import Scale, parse_scale, to_8bit
from mmseg_aux_hrnet.raster.validity import plan_masks, read_valid


class Reading(NamedTuple):
    """How the values of rasters become 8-bit RGB.

    Attributes:
        bands: names or indices from 1 of red, green and blue; None for what the raster's colour interpretation says.
        scale: None for 8-bit values as they are; other types need a rule.
    """

    bands: tuple[str, str, str] | None = None
    scale: Scale | None = None

    @classmethod
    def parse(cls, *, bands: str | None, scale: str | None) -> 'Reading':
        """Return what ``--bands`` and ``--scale`` say.

        Raises:
            ConfigError: one of them is malformed.
        """
        return cls(None if bands is None else parse_bands(bands), None if scale is None else parse_scale(scale))


AS_IT_SAYS = Reading()


class Patch(NamedTuple):
    """The pixels of a window.

    Attributes:
        image: RGB, uint8 (H, W, 3); without meaning where not valid.
        valid: bool (H, W), False for nodata.
    """

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]


@contextmanager
def open_source(path: str | Path, reading: Reading = AS_IT_SAYS) -> Iterator['RasterSource']:
    """Open a raster for reading, for use in one thread.

    Raises:
        RasterError: the file cannot be read as a raster of colours.
        ConfigError: the reading does not fit it, or the raster needs one that says more.
    """
    with open_dataset(Path(path)) as dataset:
        yield RasterSource(Path(path), dataset, reading)


class RasterSource:
    """A raster that is open, for one thread.

    Attributes:
        path: its file.
        height: in pixels.
        width: in pixels.
        crs: None where it has none.
        transform: pixels to coordinates.
        bands: those that are red, green and blue, from 1.
        notes: lines that a user should read, about what the raster does not say for certain.

    Args:
        path: its file.
        dataset: of rasterio, open.
        reading: how its values become 8-bit RGB.

    Raises:
        RasterError: it is a class map.
        ConfigError: the reading does not fit it, or the raster needs one that says more.
    """

    def __init__(self, path: Path, dataset: Any, reading: Reading) -> None:
        if CLASSES_TAG in dataset.tags():
            raise RasterError(f'{path} is a map of classes, not an image: name the raster that it was made of')
        self.path = path
        self.height: int = dataset.height
        self.width: int = dataset.width
        self.crs: CRS | None = dataset.crs
        self.transform: Affine = dataset.transform
        self._dataset = dataset
        described = describe_bands(dataset)
        try:
            self._palette = _palette(dataset, reading)
            choice = choose_bands(described, reading.bands if self._palette is None else ('1',) * 3)
            self._scale = _scale(dataset, choice.indexes, reading.scale)
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        self.bands = choice.indexes
        transparency = find_transparency(dataset, described)
        self.notes = tuple(f'{path}: {note}' for note in (choice.note, *transparency.notes) if note is not None)
        self._masks = plan_masks(dataset, bands=self.bands, alpha=transparency.bands)

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window that lies inside the raster.

        Raises:
            RasterError: the file is damaged there.
        """
        bands = list(dict.fromkeys(self.bands))
        with reading_rows(self.path, window):
            values = self._dataset.read(bands, window=window)
            valid = read_valid(self._dataset, window, self._masks)
        if values.dtype.kind == 'f':
            valid &= np.isfinite(values).all(axis=0)
        if self._palette is not None:
            valid &= self._palette.visible[values[0]]
            values = np.moveaxis(self._palette.colours[values[0]], -1, 0)
        elif len(bands) < len(COLOURS):
            values = values[[bands.index(band) for band in self.bands]]
        if self._scale is not None:
            values = to_8bit(values, self._scale)
        return Patch(np.ascontiguousarray(np.moveaxis(values, 0, -1)), valid)


def describe_bands(dataset: Any) -> list[Band]:
    """Return what an open dataset says of its bands."""
    told = zip(dataset.indexes, dataset.colorinterp, dataset.descriptions, strict=True)
    return [Band(index, colour.name, description or None) for index, colour, description in told]


def _palette(dataset: Any, reading: Reading) -> Palette | None:
    """Return the colours of a palette image; None for any other raster."""
    if dataset.colorinterp[0] != ColorInterp.palette or dataset.count != 1:
        return None
    if reading.bands not in (None, COLOURS):
        raise ConfigError('the values are numbers of colours in a table, which gives red, green and blue: no --bands')
    return Palette.from_table(dataset.colormap(1), np.dtype(dataset.dtypes[0]))


def _scale(dataset: Any, bands: tuple[int, int, int], scale: Scale | None) -> Scale | None:
    if scale is not None or all(_is_8bit(dataset, band) for band in bands):
        return scale
    raise ConfigError(f'{describe_values(dataset, bands)}: give --scale LOW:HIGH, which become 0 and 255')


def _is_8bit(dataset: Any, band: int) -> bool:
    if dataset.colorinterp[band - 1] == ColorInterp.palette:
        return True  # the colours of its table are
    fewer = dataset.tags(band, ns='IMAGE_STRUCTURE').get('NBITS')
    return dataset.dtypes[band - 1] == 'uint8' and fewer in (None, '8')
