"""Tiles of a report: shrunk to a bounded size, encoded within a budget of bytes."""

import base64
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.classes import Colour
from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import ImageError
from mmseg_aux_hrnet.evaluation.tile_keeper import MOST_SIDE, ClassMap, shrink_map, shrunk_size, unpack_map
from mmseg_aux_hrnet.report.metrics_file import Report
from mmseg_aux_hrnet.report.page.choice import shown_images

RGB = NDArray[np.uint8]

LEAST_SIDE = 16  # pixels: below, a tile shows nothing any more
QUALITY = 80  # of WebP: lower ones blur the edges that errors are judged by


class PageTile(NamedTuple):
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


def small_tile(name: str, image: RGB | None, *, label: ClassMap, prediction: ClassMap) -> PageTile:
    """Return a tile no larger than any that is shown; arguments as in :class:`PageTile`."""
    picture = None if image is None else shrink_image(image, MOST_SIDE)
    return PageTile(name, picture, shrink_map(label, MOST_SIDE), shrink_map(prediction, MOST_SIDE))


def shrink_image(image: RGB, side: int) -> RGB:
    """Return the image, uint8 (H, W, 3), with its longer side at most ``side`` pixels: of each cell the mean."""
    height, width = shrunk_size(image.shape, side)
    if (height, width) == image.shape[:2]:
        return image
    # The mean of each cell, and no sharper filter: that would ring along edges, where errors are looked for.
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


def encode_tile(
    image: RGB | None, maps: Sequence[ClassMap], *, colours: Sequence[Mapping[int, Colour]], budget: int
) -> tuple[str | None, list[str], tuple[int, int]]:
    """Encode the largest version of a tile that fits: the image as WebP, class maps as palette PNG.

    Args:
        image: RGB, uint8 (H, W, 3), or None.
        maps: class maps, uint8 (h, w), all of one size.
        colours: for every map the colour of its values; a value without a colour is transparent.
        budget: bytes, base64 included. The smallest version is returned even where it is larger.

    Returns:
        Image and maps as data addresses for the ``src`` of pictures, and (height, width) that they are shown at.
    """
    side = MOST_SIDE
    while True:
        picture = None
        if image is not None:
            data = io.BytesIO()
            Image.fromarray(shrink_image(image, side)).save(data, 'WEBP', quality=QUALITY, method=2)
            picture = data_address('image/webp', data.getvalue())
        layers = [_png(shrink_map(part, side), colour) for part, colour in zip(maps, colours, strict=True)]
        height, width = shrunk_size(maps[0].shape if image is None else image.shape, side)
        size = sum(map(len, (picture or '', *layers)))
        if size <= budget or side <= LEAST_SIDE:
            return picture, layers, (height, width)
        # Bytes go with the area, so the side with their root; a tenth less, so that the next try mostly fits.
        longer = max(height, width, *maps[0].shape)
        side = max(LEAST_SIDE, min(side, longer) * math.isqrt(8100 * budget // size) // 100)


def _png(classes: ClassMap, colours: Mapping[int, Colour]) -> str:
    """Return a palette PNG with only the values that occur, so that few classes take few bits a pixel."""
    values = np.flatnonzero(np.bincount(classes.ravel(), minlength=256))
    places = np.zeros(256, np.uint8)
    places[values] = np.arange(values.size)
    picture = Image.fromarray(places[classes])
    # Values without a colour need a place in the palette too; their opacity is 0.
    picture.putpalette([part for value in values.tolist() for part in colours.get(value, (0, 0, 0))])
    opacities = bytes(255 * (value in colours) for value in values.tolist())
    bits = next(bits for bits in (1, 2, 4, 8) if values.size <= 1 << bits)  # PNG has no other depths of a palette
    data = io.BytesIO()
    picture.save(data, 'PNG', bits=bits, compress_level=6, transparency=opacities)
    return data_address('image/png', data.getvalue())


def data_address(kind: str, data: bytes) -> str:
    """Return content of a kind, such as ``image/png``, as the address that a page without other files shows it by."""
    return f'data:{kind};base64,{base64.b64encode(data).decode("ascii")}'


def kept_tiles(
    kept: Mapping[str, tuple[bytes, bytes]], report: Report, *, read: Callable[[str], RGB] = read_rgb
) -> dict[int, PageTile]:
    """Return the tiles that a page shows, by their place in the report's list of images.

    Args:
        kept: label and prediction, packed, by the path of the image; an image whose maps are not there has no tile.
        report: content of ``metrics.json``.
        read: returns an image by its path, as it is shown.
    """
    tiles = {}
    for place in shown_images(report):
        row = report['images'][place]
        if row['image'] not in kept:
            continue
        try:
            image = read(row['image'])
        except ImageError:
            image = None  # a loader of another package reads more kinds of files than a browser shows; the page says so
        label, prediction = map(unpack_map, kept[row['image']])
        tiles[place] = small_tile(row['name'], image, label=label, prediction=prediction)
    return tiles
