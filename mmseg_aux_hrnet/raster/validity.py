"""Tells which pixels of a raster hold a measurement: nodata values, masks and transparency."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.raster.bands import ALPHA, Band
from mmseg_aux_hrnet.raster.values import sample_values

NAMES = ('', 'alpha', 'mask', 'transparency', 'opacity')
FEW = 16  # different values: an edge may be smooth, but most of a mask is 0 or 255
Span = tuple[float, float]
# Window -> the values of the bands that are read, (bands, H, W), and which pixels are valid, bool (H, W).
ReadPixels = Callable[[Window], tuple[NDArray[Any], NDArray[np.bool_]]]


class NoData(NamedTuple):
    """Which values stand for nothing, beside what masks and transparency say.

    Attributes:
        value: in place of the raster's own nodata value; None for that.
        tolerance: how far from the value others may lie that stand for nothing too, as lossy compression leaves them.
    """

    value: float | None = None
    tolerance: float = 0.0


def pixel_reader(dataset: Any, *, bands: Sequence[int], alpha: Sequence[int], nodata: NoData) -> ReadPixels:
    """Return what reads the values of a window, and tells which of them are valid; partly transparent pixels are.

    A nodata value of 8 bits is also a colour, such as the black of shadows, so only a pixel that has it in all bands is
    nodata (as in rasterio's ``dataset_mask``). In other types it is not a measurement in any band.

    Args:
        dataset: the raster, open in rasterio.
        bands: those that are read, from 1, each once.
        alpha: those that are transparency, from 1.
        nodata: what a user says.

    Raises:
        ConfigError: the values of a band cannot be what the user says.
    """
    flags = {band: set(dataset.mask_flag_enums[band - 1]) for band in bands}
    masked = [band for band in bands if not flags[band] & {MaskFlags.all_valid, MaskFlags.alpha}]
    # A mask of the whole data set counts alone, as in GDAL: nodata values of the file beside it are ignored.
    shared = [band for band in masked if MaskFlags.per_dataset in flags[band]][:1]
    by_value: list[int] = []
    spans: list[Span | None] = []
    for band in bands:
        kind = np.dtype(dataset.dtypes[band - 1])
        value = dataset.nodatavals[band - 1] if nodata.value is None else _possible(nodata.value, kind)
        if MaskFlags.nodata in flags[band] and (
            nodata != NoData()
            # To compare is quicker than GDAL's mask, and the same but for floats, to which GDAL allows a tolerance.
            or (kind.kind in 'iu' and kind.itemsize <= 4)
            or math.isnan(value)
        ):
            by_value.append(band)
        told = band in by_value or nodata.value is not None
        spans.append(_span(value, nodata.tolerance, kind) if told else None)
    together = all(dataset.dtypes[band - 1] == 'uint8' for band in bands)
    masks = shared or [band for band in masked if band not in by_value]
    rules = [spans]
    colour = dataset.tags().get('NODATA_VALUES', '').split()
    if shared and MaskFlags.nodata in flags[shared[0]] and together and sorted(bands) == [*dataset.indexes]:
        # The mask is that colour of all bands, as in a PNG: to ask GDAL for it decodes all that lies above once more.
        rules.append([(float(colour[band - 1]), float(colour[band - 1])) for band in bands])
        masks = []
    # With the other bands, in one call: a PNG is decoded from its top for each call.
    beside = [band for band in alpha if dataset.dtypes[band - 1] == dataset.dtypes[bands[0] - 1]]
    return partial(
        _read_pixels, dataset, bands=list(bands), masks=masks, rules=rules, together=together, beside=beside,
        apart=[band for band in alpha if band not in beside],
    )  # fmt: skip


def lossy_note(dataset: Any, nodata: NoData) -> str | None:
    """Return what a user should know of a raster whose nodata value its compression does not keep."""
    stored = dataset.tags(ns='IMAGE_STRUCTURE')
    lossy = 'JPEG' in stored.get('COMPRESSION', '') or stored.get('COMPRESSION_REVERSIBILITY') == 'LOSSY'
    value = nodata.value if nodata.value is not None else dataset.nodata
    if not lossy or nodata.tolerance or value is None:
        return None
    return (
        f'its compression is lossy, so pixels without data may be near {value:g} instead: '
        'give --nodata-tolerance, such as 20'
    )


def _possible(value: float, kind: np.dtype[Any]) -> float:
    if kind.kind in 'iu':
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        if not (float(value).is_integer() and low <= value <= high):
            raise ConfigError(
                f'--nodata {value:g} is not a value of this raster: give a whole number of {low} to {high}'
            )
    return value


def _span(value: float, tolerance: float, kind: np.dtype[Any]) -> Span | None:
    """Return the lowest and the highest value that stand for nothing; None where it is not-a-number, or impossible."""
    if kind.kind == 'f':
        return None if math.isnan(value) else (value - tolerance, value + tolerance)
    if not float(value).is_integer():
        return None
    return int(value) - math.floor(tolerance), int(value) + math.floor(tolerance)


def _read_pixels(
    dataset: Any,
    window: Window,
    *,
    bands: list[int],
    masks: Sequence[int],
    rules: Sequence[Sequence[Span | None]],
    together: bool,
    beside: list[int],
    apart: Sequence[int],
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the values of a window, (bands, H, W), and which pixels are valid, bool (H, W).

    Args:
        dataset: the raster, open in rasterio.
        window: inside it.
        bands: those that are read, from 1.
        masks: bands, from 1, whose mask must be set, each of them.
        rules: each has the lowest and highest value that stand for nothing, for each band; None for no such value.
        together: whether a pixel is nodata only where all bands hold such a value, or where any does.
        beside: bands of the same type, from 1, that must not be 0.
        apart: bands of another type, from 1, that must not be 0.
    """
    stored = dataset.read([*bands, *beside], window=window)
    values = stored[: len(bands)]
    valid = np.ones((window.height, window.width), bool)
    for spans in rules:
        nothing = [
            band == span[0] if span[0] == span[1] else (band >= span[0]) & (band <= span[1])
            for band, span in zip(values, spans, strict=True)
            if span is not None
        ]
        if together and len(nothing) == len(values):
            valid &= ~np.logical_and.reduce(nothing)
        elif nothing and not together:
            valid &= ~np.logical_or.reduce(nothing)
    if values.dtype.kind == 'f':  # GDAL's masks say nothing of them unless not-a-number is the nodata value
        valid &= np.isfinite(values).all(axis=0)
    for band in masks:
        valid &= dataset.read_masks(band, window=window) != 0
    for opacity in (*stored[len(bands) :], *(dataset.read(band, window=window) for band in apart)):
        valid &= opacity != 0
    return values, valid


def find_transparency(dataset: Any, bands: Sequence[Band]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return which bands are transparency, from 1, and notes that a user should read about how they were chosen.

    They are those interpreted as alpha and not described as something else.

    Args:
        dataset: the raster, open in rasterio, to look at some values.
        bands: all of the raster.
    """
    called = [band for band in bands if band.interpretation == ALPHA]
    named_else = [band for band in called if (band.description or '').strip().lower() not in NAMES]
    alpha = tuple(band.number for band in called if band not in named_else)
    notes = [
        f'band {band.number} is interpreted as alpha but described as {band.description}: it masks nothing'
        for band in named_else
    ]
    for number in alpha:
        count = len(np.unique(sample_values(dataset, [number])))
        if count > FEW:
            notes.append(
                f'band {number} is interpreted as alpha and masks where it is 0, but has {count} different values: '
                f'if it is a colour, run gdal_edit.py -colorinterp_{number} undefined'
            )
    return alpha, tuple(notes)
