"""Tiles of a report: shrunk to a bounded size, encoded within a budget of bytes."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.evaluation.tile_keeper import MOST_SIDE, shrink_map, shrunk_size

RGB = NDArray[np.uint8]
ClassMap = NDArray[np.uint8]
Colour = Sequence[int]

SIDES = (MOST_SIDE, 448, 384, 320, 256, 192, 128, 96, 64, 32, 16)  # tried in turn until a tile fits its share
QUALITIES = (85, 70)  # of WebP, tried at every size


class Tile(NamedTuple):
    """What a report shows of one image.

    Attributes:
        name: of the image.
        image: RGB, uint8 (H, W, 3); None where the file cannot be shown.
        label: reference classes, uint8 (h, w); values above the classes are not counted.
        prediction: predicted classes, uint8 (h, w).
    """

    name: str
    image: RGB | None
    label: ClassMap
    prediction: ClassMap


def small_tile(name: str, image: RGB | None, *, label: ClassMap, prediction: ClassMap) -> Tile:
    """Return a tile no larger than any that is shown; arguments as in :class:`Tile`."""
    picture = None if image is None else shrink_image(image, MOST_SIDE)
    return Tile(name, picture, shrink_map(label, MOST_SIDE), shrink_map(prediction, MOST_SIDE))


class EncodedTile(NamedTuple):
    """A tile as data addresses for the ``src`` of pictures, and the size that they are shown at, in pixels."""

    image: str | None
    maps: tuple[str, ...]
    height: int
    width: int


def shrink_image(image: RGB, side: int) -> RGB:
    """Return the image, uint8 (H, W, 3), with its longer side at most ``side`` pixels: of each cell the mean."""
    height, width = shrunk_size(image.shape, side)
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


def encode_tile(
    image: RGB | None, maps: Sequence[ClassMap], *, colours: Sequence[Mapping[int, Colour]], budget: int
) -> EncodedTile:
    """Encode the largest version of a tile that fits: the image as WebP, class maps as palette PNG.

    Args:
        image: RGB, uint8 (H, W, 3), or None.
        maps: class maps, uint8 (h, w), all of one size.
        colours: for every map the colour of its values; a value without a colour is transparent.
        budget: bytes, base64 included. The smallest version is returned even where it is larger.
    """
    encoded = None
    for side in SIDES:
        if encoded is not None and side >= max(encoded.height, encoded.width):
            continue  # the last try was of this size already
        pictures = tuple(_png(shrink_map(part, side), colour) for part, colour in zip(maps, colours, strict=True))
        height, width = shrunk_size(maps[0].shape if image is None else image.shape, side)
        for quality in QUALITIES:
            encoded = EncodedTile(_webp(image, side, quality), pictures, height, width)
            if sum(map(len, (encoded.image or '', *pictures))) <= budget:
                return encoded
    assert encoded is not None
    return encoded


def _webp(image: RGB | None, side: int, quality: int) -> str | None:
    if image is None:
        return None
    data = io.BytesIO()
    Image.fromarray(shrink_image(image, side)).save(data, 'WEBP', quality=quality, method=2)
    return _address('image/webp', data.getvalue())


def _png(classes: ClassMap, colours: Mapping[int, Colour]) -> str:
    """Return a palette PNG with only the values that occur, so that few classes take few bits a pixel."""
    values, indices = np.unique(classes, return_inverse=True)
    picture = Image.fromarray(indices.reshape(classes.shape).astype(np.uint8))
    picture.putpalette([part for value in values.tolist() for part in colours.get(value, (0, 0, 0))])
    data = io.BytesIO()
    opacities = bytes(255 * (value in colours) for value in values.tolist())
    picture.save(data, 'PNG', optimize=True, transparency=opacities)
    return _address('image/png', data.getvalue())


def _address(kind: str, data: bytes) -> str:
    return f'data:{kind};base64,{base64.b64encode(data).decode("ascii")}'
