"""A raster as a spectral index: windows of its values, and of the pixels that count."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.maps.class_map.geotiff import Grid
from mmseg_aux_hrnet.maps.class_map.reading import file_blocks
from mmseg_aux_hrnet.maps.indices.formulas import NIR, VISIBLE, SpectralIndex
from mmseg_aux_hrnet.raster.bands import Band, choose_bands
from mmseg_aux_hrnet.raster.dataset import is_map, is_placed, open_dataset, reading_rows
from mmseg_aux_hrnet.raster.validity import NoData, find_transparency, lossy_note, pixel_reader

Floats = NDArray[np.float64]
Span = tuple[float, float]
AS_IT_SAYS = NoData()
NEAR_INFRARED = (NIR, 'near infrared', 'near-infrared', 'infrared')  # what rasters call it


@dataclass(frozen=True)
class IndexReading:
    """How the values of rasters become a spectral index.

    Attributes:
        index: which.
        bands: names or numbers from 1 in the order of ``index.bands``; None for what the raster says.
        scale: values of the file that become 0 and 1; None for what the raster says, and for 8 bits 0 and 255.
        nodata: which values stand for nothing, beside what the raster says.
        min_brightness: pixels are left out as shadow where the mean of the bands, in values of the file, is lower.
    """

    index: SpectralIndex
    bands: tuple[str, ...] | None = None
    scale: Span | None = None
    nodata: NoData = AS_IT_SAYS
    min_brightness: float | None = None

    @classmethod
    def parse(
        cls,
        index: SpectralIndex,
        *,
        bands: str | None = None,
        scale: str | None = None,
        nodata: float | None = None,
        tolerance: float = 0.0,
        min_brightness: float | None = None,
    ) -> 'IndexReading':
        """Return what the options of ``tools/ndvi.py`` say: index, bands, scale, nodata, its tolerance, brightness.

        Raises:
            ConfigError: one of them is malformed.
        """
        names = None if bands is None else tuple(part.strip() for part in bands.split(','))
        if names is not None and (len(names) != len(index.bands) or not all(names)):
            raise ConfigError(
                f'--bands is {bands!r}, and {index.title} needs {len(index.bands)} names or numbers from 1: '
                f'{",".join(index.bands)}, or such as {"4,1" if NIR in index.bands else "1,2,3"}'
            )
        if min_brightness is not None and not math.isfinite(min_brightness):
            raise ConfigError(f'--min-brightness {min_brightness:g}: give a number in the values of the raster')
        if not 0 <= tolerance < math.inf:
            raise ConfigError(f'nodata tolerance {tolerance:g}: give 0 or more steps of the stored values, such as 20')
        rule = None if scale is None else parse_span(scale, option='--scale')
        return cls(index, names, rule, NoData(nodata, tolerance), min_brightness)


class IndexPatch(NamedTuple):
    """The pixels of a window.

    Attributes:
        values: of the index, float64 (H, W), nan where it is undefined; without meaning where not valid.
        valid: bool (H, W), False for nodata.
        dark: bool (H, W), True for what is left out as shadow.
    """

    values: Floats
    valid: NDArray[np.bool_]
    dark: NDArray[np.bool_]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which pixels have a value that counts."""
        return np.asarray(self.valid & ~self.dark & np.isfinite(self.values))


def parse_span(text: str, *, option: str) -> Span:
    """Return the two numbers of ``LOW:HIGH``.

    Raises:
        ConfigError: they are none, or the first is not below the second.
    """
    try:
        low, high = (float(part) for part in text.split(':'))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f'{option} is {text!r}: give LOW:HIGH, two numbers of which the first is lower, as in 0:0.4')
    return low, high


@contextmanager
def open_index(path: Path, reading: IndexReading) -> Iterator['IndexSource']:
    """Open a raster for reading as an index.

    Raises:
        RasterError: the file cannot be read as a raster.
        ConfigError: the reading does not fit it, such as without a near-infrared band.
    """
    with open_dataset(path) as dataset:
        yield IndexSource(path, dataset, reading)


class IndexSource:
    """A raster that is open.

    Attributes:
        path: its file.
        grid: where it lies.
        bands: those that are read, from 1.
        notes: lines that a user should read.

    Args:
        path: its file.
        dataset: the same, open in rasterio.
        reading: how its values become an index.

    Raises:
        RasterError: it is a map of classes or probabilities.
        ConfigError: the reading does not fit it.
    """

    def __init__(self, path: Path, dataset: Any, reading: IndexReading) -> None:
        if is_map(dataset.tags()):
            raise RasterError(f'{path} is a predicted map, not an image: name its raster')
        self.path = path
        self.grid = Grid(dataset.height, dataset.width, dataset.crs, dataset.transform, placed=is_placed(dataset))
        self._dataset, self._reading = dataset, reading
        told = zip(dataset.indexes, dataset.colorinterp, dataset.descriptions, strict=True)
        described = [Band(number, colour.name, description or None) for number, colour, description in told]
        try:
            self.bands, note = _find_bands(described, reading)
            kinds = {dataset.dtypes[band - 1] for band in self.bands}
            if len(kinds) > 1:
                raise ConfigError(f'bands {self.bands} are of several types ({", ".join(sorted(kinds))}): convert them')
            self._rule, scale_note = _rule(dataset, self.bands, reading)
            alpha, notes = find_transparency(dataset, described)
            self._read_pixels = pixel_reader(dataset, bands=self.bands, alpha=alpha, nodata=reading.nodata)
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        all_notes = (note, scale_note, *notes, lossy_note(dataset, reading.nodata))
        self.notes = tuple(f'{path}: {each}' for each in all_notes if each is not None)

    def blocks(self) -> list[Window]:
        """Return windows that cover the raster once, row by row, along the blocks of its file."""
        return file_blocks(self._dataset)

    def read(self, window: Window) -> IndexPatch:
        """Return the pixels of a window that lies inside the raster.

        Raises:
            RasterError: the file is damaged there.
        """
        with reading_rows(self.path, window):
            stored, valid = self._read_pixels(window)
        bands = stored.astype(np.float64)
        lowest = self._reading.min_brightness
        dark = np.zeros(valid.shape, bool) if lowest is None else bands.mean(axis=0) < lowest
        if self._rule is not None:
            factors, offsets = self._rule
            bands = bands * factors[:, None, None] + offsets[:, None, None]
        return IndexPatch(self._reading.index.values(*bands), valid, dark)


def _find_bands(bands: Sequence[Band], reading: IndexReading) -> tuple[tuple[int, ...], str | None]:
    """Return the bands of an index, from 1, and a note where the raster does not say them for certain."""
    needed = reading.index.bands
    if reading.bands is None and needed == VISIBLE:
        return choose_bands(bands, None)
    wanted = reading.bands
    if wanted is None:
        said = set().union(*(band.names() for band in bands))
        called = next((name for name in NEAR_INFRARED if name in said), None)
        if called is None:
            listed = ', '.join(map(str, bands))
            raise ConfigError(
                f'the raster does not name a near infrared band, which {reading.index.title} needs (its bands are '
                f'{listed}): give the numbers of near infrared and red, such as --bands 4,1, or use --index vari or '
                'exg, which need red, green and blue only'
            )
        wanted = tuple(called if name == NIR else name for name in needed)
    return choose_bands(bands, wanted, names=needed)


def _rule(dataset: Any, bands: Sequence[int], reading: IndexReading) -> tuple[tuple[Floats, Floats] | None, str | None]:
    """Return factors and offsets that make reflectance of the values of the bands; None leaves them. And a note."""
    if reading.scale is not None:
        low, high = reading.scale
        ones = np.ones(len(bands))
        return (ones / (high - low), ones * -low / (high - low)), None
    factors, offsets = (np.array([each[band - 1] for band in bands]) for each in (dataset.scales, dataset.offsets))
    if (factors != 1).any() or (offsets != 0).any():
        return (factors, offsets), 'values are scaled as the raster says of its bands'
    if not reading.index.reflectance:
        return None, None
    if dataset.dtypes[bands[0] - 1] != 'uint8':
        raise ConfigError(
            f'{reading.index.title} needs reflectance, and the values are {dataset.dtypes[bands[0] - 1]}: give '
            '--scale LOW:HIGH, the values of reflectance 0 and 1'
        )
    ones = np.ones(len(bands))
    return (ones / 255, 0 * ones), f'8-bit values 0 to 255 are taken as reflectance 0 to 1 for {reading.index.title}'
