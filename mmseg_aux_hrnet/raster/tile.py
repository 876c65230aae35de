"""Whole tiles of a data set: images as colours or bands, labels as they are stored, with the pixels that have data."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.errors import ConfigError, RasterError
from mmseg_aux_hrnet.raster.bands import ALPHA, COLOURS, Band, by_name, choose_bands
from mmseg_aux_hrnet.raster.dataset import WITHOUT_LISTING, open_dataset, reading_rows
from mmseg_aux_hrnet.raster.source import Patch, RasterSource, Reading, value_rule
from mmseg_aux_hrnet.raster.validity import find_transparency
from mmseg_aux_hrnet.raster.values import Scale

GIVE_SCALE = 'give the data set a "scale", the (low, high) of each band that become 0 and 255'
LARGEST = 178_956_970  # pixels, as for Pillow
MODES = {1: 'L', 2: 'LA', 3: 'RGB', 4: 'RGBA'}  # Pillow's words for numbers of bands


class LabelPixels(NamedTuple):
    """What a label file holds before any rule.

    Attributes:
        values: uint8 (H, W) or (H, W, bands).
        mode: Pillow's word for their form, such as ``P``.
        colours: of a palette, uint8 (N, 3); none where there is none.
        valid: which pixels have data, bool (H, W).
        nodata: the value that stands for no data; None where there is none.
    """

    values: NDArray[np.uint8]
    mode: str
    colours: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    nodata: float | None


def read_image(path: str | Path) -> Patch:
    """Return an image and which of its pixels have data, by the rules of maps.

    Three bands are red, green and blue in their order, unless they say otherwise; one is grey or a palette; a further
    one may be transparency.

    Raises:
        RasterError: it is damaged, too large, not 8-bit, has other bands, or is a map that was predicted.
    """
    with _open_tile(Path(path)) as dataset:
        try:
            source = RasterSource(Path(path), dataset, Reading(bands=_colour_bands(path, dataset)))
        except ConfigError as error:  # whose advice is for the command line of maps
            raise RasterError(f'{path} has no colours of 8 bits: save it as 8-bit RGB') from error
        return source.read(Window(0, 0, dataset.width, dataset.height))


def read_bands(path: str | Path, bands: Bands, *, stored: Sequence[str] | None = None) -> Patch:
    """Return a tile in 8 bits, channels in the order of ``bands.loaded``, and which of its pixels have data.

    Args:
        path: the file.
        bands: those that are needed, and the rule of their values.
        stored: names of all bands of the file, in its order, as a data set says; for files that do not name them.

    Raises:
        RasterError: the file is damaged, too large, not a raster, or a map that was predicted.
        ConfigError: a band is missing or ambiguous, or the values need a rule.
    """
    with _open_whole(Path(path)) as dataset:
        numbers = _band_numbers(dataset, bands.names, stored)
        scale = None if bands.scale is None else Scale.of(bands.scale)
        value_rule(dataset, numbers, scale, advice=GIVE_SCALE)
        reading = Reading(bands=tuple(map(str, numbers)), scale=scale, names=bands.names)
        image, valid = RasterSource(Path(path), dataset, reading).read(Window(0, 0, dataset.width, dataset.height))
    return Patch(image if bands.loaded == bands.names else np.ascontiguousarray(image[..., ::-1]), valid)


def _band_numbers(dataset: Any, names: Sequence[str], stored: Sequence[str] | None) -> tuple[int, ...]:
    bands = _bands(dataset)
    if stored is None or any(band.description for band in bands):
        return by_name(bands, names)
    if len(stored) != dataset.count or not set(names) <= set(stored):
        raise ConfigError(
            f'the file has {dataset.count} bands without names, and the data set has {", ".join(stored)}: correct '
            'the data set, or the file'
        )
    return tuple(list(stored).index(name) + 1 for name in names)


def _bands(dataset: Any) -> list[Band]:
    told = zip(dataset.indexes, dataset.colorinterp, dataset.descriptions, strict=True)
    return [Band(index, colour.name, name or None) for index, colour, name in told]


def _colour_bands(path: str | Path, dataset: Any) -> tuple[str, str, str] | None:
    """Return the numbers of the bands that are red, green and blue; None for a palette."""
    bands = _bands(dataset)
    _, doubts = find_transparency(dataset, bands)
    # By the tags of a TIFF near infrared is often alpha, which its many values then tell.
    seen = [band for band in bands if doubts or band.interpretation != ALPHA]
    if [band.interpretation for band in seen] == ['palette']:
        return None
    if len(seen) not in (1, len(COLOURS)):
        raise RasterError(
            f'{path} has {len(bands)} bands, and three are needed: save red, green and blue as an RGB file'
        )
    red, green, blue = [band.number for band in seen] * (len(COLOURS) // len(seen))
    with suppress(ConfigError):  # infrared, red and green, for example, are three channels as well
        red, green, blue = choose_bands(seen, None)[0]
    return str(red), str(green), str(blue)


def read_label_pixels(path: str | Path) -> LabelPixels:
    """Return what a label file holds.

    Raises:
        RasterError: it is damaged, too large or not 8-bit.
    """
    with _open_tile(Path(path)) as dataset:
        with reading_rows(Path(path), Window(0, 0, dataset.width, dataset.height)):
            values, valid = dataset.read(), dataset.dataset_mask() > 0
        palette = dataset.colormap(1) if dataset.colorinterp[0].name == 'palette' else {}
        one_bit = dataset.tags(1, ns='IMAGE_STRUCTURE').get('NBITS') == '1'
        return LabelPixels(
            values[0] if len(values) == 1 else np.moveaxis(values, 0, -1),
            'P' if palette else '1' if one_bit else MODES.get(len(values), f'{len(values)} bands'),
            np.array([colour[:3] for colour in palette.values()], np.uint8).reshape(-1, 3),
            valid,
            dataset.nodata,
        )


@contextmanager
def _open_whole(path: Path) -> Iterator[Any]:
    with open_dataset(path, **WITHOUT_LISTING) as dataset:
        if dataset.width * dataset.height > LARGEST:
            size = f'{dataset.width} x {dataset.height} pixels'
            raise RasterError(f'{path} is too large for one tile ({size}): cut it into tiles')
        yield dataset


@contextmanager
def _open_tile(path: Path) -> Iterator[Any]:
    with _open_whole(path) as dataset:
        kinds = sorted({*dataset.dtypes})
        if kinds != ['uint8'] or {*dataset.scales} != {1.0}:
            values = 'scaled values' if kinds == ['uint8'] else f'values of {" and ".join(kinds)}'
            raise RasterError(
                f'{path} has {values}: save it with 8 bits, an image as RGB with a scaling of your choice'
            )
        yield dataset
