"""The values of a raster: what they are like, and by which rule they become 8 bits."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import MOST_BANDS, RGB
from mmseg_aux_hrnet.errors import ConfigError, counted

SIDE = 256  # pixels of a block
LEVELS = 255  # the highest of 8 bits
TABLE_BITS = 16  # up to this many, a table of all values is quicker than arithmetic
PER_AXIS = 3  # corners, borders and middle: nodata around an orthophoto leaves some of them


def sample_values(dataset: Any, bands: Sequence[int]) -> NDArray[np.generic]:
    """Return the valid, finite values of some blocks all over a raster, (N,): quick for any size.

    Args:
        dataset: the raster, open in rasterio.
        bands: from 1.
    """
    found: list[NDArray[np.generic]] = [np.zeros(0, np.result_type(*(dataset.dtypes[band - 1] for band in bands)))]
    for window in itertools.chain(*_sample_windows(dataset)):
        with suppress(RasterioError):  # damaged there: reading that window raises the error
            values = dataset.read(list(bands), window=window, masked=True).compressed()
            found.append(values[np.isfinite(values)])
    return np.concatenate(found)


def sketch(dataset: Any, read: Callable[[Window], NDArray[np.generic]]) -> NDArray[np.generic]:
    """Return blocks all over a raster as one image whose edges are parts of the raster's, (H, W, C).

    A raster of no more than three blocks a side is returned whole.

    Args:
        dataset: the raster, open in rasterio.
        read: returns a window of it, (H, W, C).
    """
    return np.concatenate([np.concatenate(list(map(read, row)), axis=1) for row in _sample_windows(dataset)])


def _sample_windows(dataset: Any) -> list[list[Window]]:
    """Return windows in rows from top to bottom, none of which overlaps another."""

    def spans(size: int) -> list[tuple[int, int]]:
        if size <= PER_AXIS * SIDE:
            return [(start, min(SIDE, size - start)) for start in range(0, size, SIDE)]
        return [((size - SIDE) * i // (PER_AXIS - 1), SIDE) for i in range(PER_AXIS)]

    # What is kept by lines, as PNG, JPEG and TIFFs of strips, is decoded from its top: again for each block beside.
    by_lines = {block[1] for block in dataset.block_shapes} == {dataset.width}
    columns = [(0, dataset.width)] if by_lines else spans(dataset.width)
    return [[Window(left, top, width, height) for left, width in columns] for top, height in spans(dataset.height)]


class Scale(NamedTuple):
    """A linear rule for each band: low becomes 0, high becomes 255, what lies beyond is clipped.

    Attributes:
        lows: of each band that is read, in the values that the file stores; a single one is that of all bands.
        highs: above the lows, as many.
    """

    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @classmethod
    def of(cls, ranges: Sequence[tuple[float, float]]) -> 'Scale':
        """Return the rule of (low, high) of each band."""
        return cls(tuple(low for low, _ in ranges), tuple(high for _, high in ranges))

    def spread(self, count: int) -> 'Scale':
        """Return the rule for ``count`` bands, the same for each where there is a single one.

        Raises:
            ConfigError: it has another number.
        """
        if len(self.lows) not in (1, count):
            raise ConfigError(
                f'--scale has {counted(len(self.lows), "pair")} LOW:HIGH, and one, or {count}, are needed'
            )
        return Scale(self.lows * count, self.highs * count) if len(self.lows) < count else self

    def __str__(self) -> str:
        return ','.join(f'{low:.17g}:{high:.17g}' for low, high in zip(self.lows, self.highs, strict=True))


def parse_scale(text: str, *, count: int | None = len(RGB)) -> Scale:
    """Return the rule of ``--scale``: LOW:HIGH for all bands, or one for each with commas.

    Args:
        text: of the option.
        count: of the bands; None where only a model knows, and one pair stays one.

    Raises:
        ConfigError: it is neither, a number is not finite, or a low is not below its high.
    """
    pairs = [part.split(':') for part in text.split(',')]
    if len(pairs) not in (1, count or len(pairs)) or any(len(pair) != 2 for pair in pairs):
        many = 'three' if count == len(RGB) else str(count or 'one for each band')
        raise ConfigError(
            f'--scale is {text!r}, and LOW:HIGH or {many} are needed, such as 0:3000 or 0:3000,0:2500,0:2000'
        )
    try:
        ranges = [(float(low), float(high)) for low, high in pairs]
    except ValueError as error:
        raise ConfigError(f'--scale is {text!r}: LOW and HIGH are numbers, such as 0:3000') from error
    if not all(math.isfinite(high - low) and low < high for low, high in ranges):
        raise ConfigError(f'--scale is {text!r}: each LOW must be a number below its HIGH, such as 0:3000')
    lows, highs = zip(*ranges, strict=True)
    return Scale(lows, highs).spread(count or len(lows))


def to_8bit(values: NDArray[np.generic], scale: Scale) -> NDArray[np.uint8]:
    """Return values in 8 bits, rounded half up; not-a-number becomes 0.

    Args:
        values: (bands, H, W), integers or floats.
        scale: the rule, for each band.
    """
    kind = values.dtype
    out = np.empty(values.shape, np.uint8)
    for band, (low, high) in enumerate(zip(scale.lows, scale.highs, strict=True)):
        if kind.kind in 'iu' and kind.itemsize * 8 <= TABLE_BITS:
            np.take(_table(kind.str, low, high), values[band].view(f'u{kind.itemsize}'), out=out[band])
        else:
            out[band] = _scaled(values[band], low, high)
    return out


@lru_cache(maxsize=2 * MOST_BANDS)
def _table(kind: str, low: float, high: float) -> NDArray[np.uint8]:
    """Return the result for every value of a small integer type, in the order of their bits read as unsigned."""
    bits = np.dtype(kind).itemsize * 8
    return _scaled(np.arange(2**bits, dtype=f'u{bits // 8}').view(kind), low, high)


def _scaled(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    with np.errstate(over='ignore', invalid='ignore'):  # infinities are clipped, not-a-number is replaced
        levels = (values.astype(np.float64) - low) * LEVELS / (high - low)
    np.clip(levels, 0, LEVELS, out=levels)
    return np.floor(np.nan_to_num(levels, copy=False, nan=0.0) + 0.5).astype(np.uint8)


def palette_colours(
    table: Mapping[int, Sequence[int]], kind: np.dtype[np.generic]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the colour of every value of a raster of one band, and whether it is to be seen.

    Args:
        table: value to red, green, blue and alpha, 0..255.
        kind: type of the values, uint8 or uint16.

    Returns:
        RGB, uint8 (256 or 65536, 3), and bool of the same length, False for values that are transparent or have no
        colour.
    """
    count = 2 ** (kind.itemsize * 8)
    colours, visible = np.zeros((count, 3), np.uint8), np.zeros(count, bool)
    for value, (*colour, alpha) in table.items():
        if 0 <= value < count:
            colours[value], visible[value] = colour, alpha > 0
    return colours, visible
