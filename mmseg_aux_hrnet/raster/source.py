"""A raster as the network needs it: windows of 8-bit bands, such as RGB, with the pixels that are valid."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.collar import collar
from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.files.address import as_path
from mmseg_aux_hrnet.raster.bands import ALPHA, COLOURS, Band, Choice, choose_bands, parse_bands
from mmseg_aux_hrnet.raster.dataset import is_map, is_placed, open_dataset, reading_rows
from mmseg_aux_hrnet.raster.validity import NoData, find_transparency, lossy_note, pixel_reader
from mmseg_aux_hrnet.raster.values import (
    LEVELS,
    Scale,
    palette_colours,
    parse_scale,
    sample_values,
    sketch,
    to_8bit,
)


class Reading(NamedTuple):
    """How the values of rasters become 8-bit images.

    Attributes:
        bands: for each of ``names`` a name or index from 1; None for what the raster says.
        scale: None for 8-bit values as they are; other types need a rule.
        nodata: which values stand for nothing, beside what the raster says.
        names: of the bands of the images, in their order.
        scale_is_trained: the rule is the one that a model was trained with; it was not made for this raster.
    """

    bands: tuple[str, ...] | None = None
    scale: Scale | None = None
    nodata: NoData = NoData()
    names: tuple[str, ...] = COLOURS
    scale_is_trained: bool = False

    @classmethod
    def parse(
        cls,
        *,
        bands: str | None,
        scale: str | None,
        nodata: float | None = None,
        tolerance: float = 0.0,
        count: int | None = len(COLOURS),
    ) -> 'Reading':
        """Return what ``--bands``, ``--scale``, ``--nodata`` and ``--nodata-tolerance`` say.

        Args:
            bands: text of the option.
            scale: text of the option.
            nodata: value.
            tolerance: steps of the values.
            count: of the bands; None where only a model knows, see :meth:`of_model`.

        Raises:
            ConfigError: one of them is malformed.
        """
        if not 0 <= tolerance < math.inf:
            raise ConfigError(f'nodata tolerance {tolerance:g}: give 0 or more steps of the stored values, such as 20')
        chosen = None if bands is None else parse_bands(bands, count=count)
        rule = None if scale is None else parse_scale(scale, count=count)
        return cls(chosen, rule, NoData(nodata, tolerance))

    def of_model(self, trained: Bands) -> 'Reading':
        """Return how rasters are read for a model: its bands, and its rule of values unless another one was given.

        Raises:
            ConfigError: what was given is for another number of bands.
        """
        count = len(trained.names)
        if self.scale is not None:
            return self._replace(names=trained.names, scale=self.scale.spread(count))
        rule = None if trained.scale is None else Scale.of(trained.scale)
        return self._replace(names=trained.names, scale=rule, scale_is_trained=rule is not None)


Palette = tuple[NDArray[np.uint8], NDArray[np.bool_]]  # of every value its colour, and whether it is seen
AS_IT_SAYS = Reading()
MANY_ROWS = 2000  # several rows of windows
GIVE_SCALE = 'give --scale LOW:HIGH, which become 0 and 255'


class Patch(NamedTuple):
    """The pixels of a window.

    Attributes:
        image: the bands of the reading, such as RGB, uint8 (H, W, bands); without meaning where not valid.
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
    path = as_path(path)
    with open_dataset(path) as dataset:
        yield RasterSource(path, dataset, reading)


class RasterSource:
    """A raster that is open, for one thread.

    Attributes:
        path: its file.
        height: in pixels.
        width: in pixels.
        crs: None where it has none.
        transform: pixels to coordinates.
        placed: whether the file says that.
        bands: those that are read, such as red, green and blue, from 1.
        notes: lines that a user should read, about what the raster does not say for certain.

    Args:
        path: its file.
        dataset: the same, open in rasterio.
        reading: how its values become 8-bit images.

    Raises:
        RasterError: it is a map of classes or probabilities.
        ConfigError: the reading does not fit it, or the raster needs one that says more.
    """

    def __init__(self, path: Path, dataset: Any, reading: Reading) -> None:
        if is_map(dataset.tags()):  # its three bands of probabilities would pass for colours
            raise RasterError(f'{path} is a predicted map, not an image: name its raster')
        self.path = path
        self.height: int = dataset.height
        self.width: int = dataset.width
        self.crs: CRS | None = dataset.crs
        self.transform: Affine = dataset.transform
        self.placed = is_placed(dataset)
        self._dataset = dataset
        told = zip(dataset.indexes, dataset.colorinterp, dataset.descriptions, strict=True)
        described = [Band(index, colour.name, description or None) for index, colour, description in told]
        try:
            (self.bands, note), self._palette, self._scale = _colours(dataset, described, reading)
            self._read_bands = list(dict.fromkeys(self.bands))  # each once: grey as three colours is decoded once
            # A band that is shown to the network says nothing of transparency: GDAL calls any fourth one alpha.
            others = [band for band in described if band.number not in self.bands]
            alpha, notes = find_transparency(dataset, others)
            self._read_pixels = pixel_reader(dataset, bands=self._read_bands, alpha=alpha, nodata=reading.nodata)
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        all_notes = (note, *notes, lossy_note(dataset, reading.nodata), slow_note(dataset))
        self.notes = tuple(f'{path}: {each}' for each in all_notes if each is not None)

    def read(self, window: Window) -> Patch:
        """Return the pixels of a window that lies inside the raster.

        Raises:
            ValueError: the window reaches beyond the raster.
            RasterError: the file is damaged there.
        """
        (top, bottom), (left, right) = window.toranges()
        if not (0 <= top < bottom <= self.height and 0 <= left < right <= self.width):
            raise ValueError(f'{window} is not inside {self.path}, which is {self.height} x {self.width}')
        with reading_rows(self.path, window):
            values, valid = self._read_pixels(window)
        if self._palette is not None:
            colours, visible = self._palette
            valid &= visible[values[0]]
            values = np.moveaxis(colours[values[0]], -1, 0)
        elif len(self._read_bands) < len(self.bands):
            values = values[[self._read_bands.index(band) for band in self.bands]]
        if self._scale is not None:
            values = to_8bit(values, self._scale)
        merged = cv2.merge(list(values))  # many times faster than numpy's way of interleaving
        return Patch(
            merged.reshape(*merged.shape[:2], len(self.bands)), valid
        )  # OpenCV drops the axis of a single band

    def collar_note(self) -> str | None:
        """Return a note where exact black or white reaches the edge and may not be picture, as far as samples show.

        ``check_dataset`` sees tiles by the same rule.
        """

        def read(window: Window) -> NDArray[Any]:
            values, valid = self._read_pixels(window)
            return np.moveaxis(np.where(valid, values, values.dtype.type(1)), 0, -1)

        if self._palette is not None:
            return None
        with suppress(RasterioError):  # damaged: reading the whole raster raises the error
            image: NDArray[Any] = sketch(self._dataset, read)
            white = LEVELS if image.dtype.kind == 'f' else np.iinfo(image.dtype).max
            for name, colour in (('black', 0), ('white', white)):
                share = collar(image, colour).mean()
                if share:
                    return (
                        f'{self.path}: {100 * share:.2g} % of it, as far as samples show, is exact {name} that reaches '
                        f'the edge, and is predicted like the rest: if it has no data, give --nodata {colour}'
                    )
        return None


def _colours(dataset: Any, bands: Sequence[Band], reading: Reading) -> tuple[Choice, Palette | None, Scale | None]:
    """Return where colours come from: bands with a rule for their values, or the numbers of a palette."""
    seen = [band for band in bands if band.interpretation != ALPHA]
    if len(seen) == 1 and seen[0].interpretation == ColorInterp.palette.name and reading.names == COLOURS:
        if reading.bands is not None and tuple(name.lower() for name in reading.bands) != COLOURS:
            raise ConfigError(
                'the values are numbers of a colour table, which gives red, green and blue: leave --bands out'
            )
        only = seen[0].number
        return ((only, only, only), None), _palette(dataset, only), reading.scale
    choice = choose_bands(bands, reading.bands, names=reading.names)
    return choice, None, value_rule(dataset, choice[0], reading.scale, trained=reading.scale_is_trained)


def _palette(dataset: Any, band: int) -> Palette:
    kind = np.dtype(dataset.dtypes[band - 1])
    try:
        table = dataset.colormap(band)
    except ValueError:
        table = {}
    if not table or kind not in (np.uint8, np.uint16):
        raise ConfigError(f'it is marked as a palette image, but has no table of colours for its {kind} values')
    return palette_colours(table, kind)


def slow_note(dataset: Any) -> str | None:
    """Return a line on a raster whose windows take the longer the further down they lie; None for others.

    Args:
        dataset: the raster, open in rasterio.
    """
    by_strips = dataset.driver == 'GTiff' and dataset.height > MANY_ROWS and dataset.block_shapes[0][0] == 1
    if not by_strips or dataset.count == 1 or dataset.interleaving != Interleaving.band or not dataset.compression:
        return None
    if dataset.get_tag_item('BLOCK_OFFSET_0_1', 'TIFF', bidx=1) is not None:  # where a second strip begins
        return None
    return (
        'its bands lie one after the other, each in one strip, which is decoded from its top for every row of windows: '
        'gdal_translate -of COG makes a copy that is read many times faster'
    )


def value_rule(
    dataset: Any, bands: Sequence[int], scale: Scale | None, *, trained: bool = False, advice: str = GIVE_SCALE
) -> Scale | None:
    """Return the rule by which the values of bands become 8 bits; None where they stay as they are.

    Args:
        dataset: the raster, open in rasterio.
        bands: from 1.
        scale: what a user or a model says; None for nothing.
        trained: it is a model that says it.
        advice: what a user is to do where there is none.

    Raises:
        ConfigError: the bands are of several types, or of other than 8 bits, and their scale is not given; or
            they are of 8 bits, and the model was trained on larger values.
    """
    kinds = sorted({dataset.dtypes[band - 1] for band in bands})
    if len(kinds) > 1:
        raise ConfigError(f'the bands {tuple(bands)} are of several types ({", ".join(kinds)}): convert them to one')
    # A GeoTIFF of 1 or 4 bits comes as uint8 too, but its white is 1 or 15.
    bits = {dataset.tags(band, ns='IMAGE_STRUCTURE').get('NBITS', '8') for band in bands}
    if scale is not None and trained and kinds == ['uint8'] and max(scale.highs) > LEVELS:
        raise ConfigError(
            f'the values are uint8, but the model was trained on values up to {max(scale.highs):g}: give --scale '
            'LOW:HIGH, in values of this raster'
        )
    if scale is not None or (kinds == ['uint8'] and bits == {'8'}):
        return scale
    # The range of a few blocks is what a user needs to choose the scale by.
    values = sample_values(dataset, bands)
    span = f', about {values.min():g} to {values.max():g}' if values.size else ''
    raise ConfigError(f'the values are {dataset.dtypes[bands[0] - 1]}{span}: {advice}')
