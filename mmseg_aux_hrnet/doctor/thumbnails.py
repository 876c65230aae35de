"""Small pictures of tiles with their labels laid over."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.doctor.examine import Tile
from mmseg_aux_hrnet.doctor.labels import read_by_first
from mmseg_aux_hrnet.errors import ImageError, LabelError
from mmseg_aux_hrnet.visualization.overlay import overlay_classes, shown_colours

LONGEST = 320  # pixels


def picture(tile: Tile) -> NDArray[np.uint8] | None:
    """Return the tile, uint8 (h, w, 3), at most 320 pixels a side; None where its image cannot be read."""
    try:
        image = _shrunk(Image.fromarray(read_rgb(tile.pair.image)), Image.Resampling.BOX)
    except ImageError:
        return None
    if tile.pair.label is None or tile.label is None or not tile.same_size:
        return image
    source = tile.pair.source
    try:
        classes = source.class_of[read_by_first(tile.pair.label, source.rules).classes]
    except LabelError:  # it was there a moment ago
        return image
    meta = source.dataset.metainfo
    colours = shown_colours(meta['classes'], meta['palette'])
    return overlay_classes(image, _shrunk(Image.fromarray(classes), Image.Resampling.NEAREST), colours)


def _shrunk(image: Image.Image, resampling: Image.Resampling) -> NDArray[np.uint8]:
    factor = min(1.0, LONGEST / max(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    return np.asarray(image.resize((width, height), resampling))
