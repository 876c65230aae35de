"""Class index maps as palette PNG files: indices for programs, colours for eyes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError
from mmseg_aux_hrnet.files.whole import own_part, whole_file

# Colour of indices that are not classes, such as 255 (ignored).
NO_CLASS_COLOUR = (127, 127, 127)


def write_label_png(path: str | Path, label: npt.NDArray[np.integer[Any]], palette: Sequence[Sequence[int]]) -> None:
    """Write an index map as an 8-bit palette PNG; the file appears whole or not at all.

    Reading it back with PIL gives the same indices; indices without a colour are grey.

    Args:
        path: the file to write; an existing one is replaced, a missing folder made.
        label: class index of every pixel, integer (H, W), values 0..255.
        palette: RGB colour of every class, 1 to 256 times three values 0..255.

    Raises:
        ConfigError: the palette is not a list of RGB colours.
        LabelError: the map is not two-dimensional, or a value does not fit one byte.
        DataError: the file cannot be written.
    """
    if label.ndim != 2 or label.size == 0 or label.dtype.kind not in 'iu':
        raise LabelError(f'label map of shape {label.shape} and type {label.dtype}: it must be integer (H, W)')
    low, high = int(label.min()), int(label.max())
    if low < 0 or high > 255:
        raise LabelError(f'label map with values {low}..{high}: one byte holds 0..255')
    image = Image.fromarray(np.ascontiguousarray(label, dtype=np.uint8))
    image.putpalette(_palette_bytes(palette))
    target = Path(path)
    try:
        # Samplers give the last images of a data set to several processes, which then write the same file at a time.
        with whole_file(target, part=own_part(target), durable=False) as part:
            image.save(part, format='PNG')
    except OSError as error:
        raise DataError(
            f'{target} cannot be written ({error.strerror or error}); choose a folder that is writable'
        ) from error


def _palette_bytes(palette: Sequence[Sequence[int]]) -> bytes:
    """Return 256 colours: with fewer, PIL packs pixels into fewer bits and cuts off the higher indices."""
    if not 0 < len(palette) <= 256 or any(len(colour) != 3 for colour in palette):
        raise ConfigError(f'palette {list(palette)[:3]}... must be 1 to 256 colours of three values (R, G, B)')
    colours = [*palette, *[NO_CLASS_COLOUR] * (256 - len(palette))]
    values = [int(value) for colour in colours for value in colour]
    if min(values) < 0 or max(values) > 255:
        raise ConfigError(f'palette with values {min(values)}..{max(values)}: colours are 0..255')
    return bytes(values)
