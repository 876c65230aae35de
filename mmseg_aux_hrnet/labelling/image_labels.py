"""Paints what was drawn on an image as its label."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.labelling.annotated_image import AREA, AnnotatedImage, faults_of
from mmseg_aux_hrnet.labelling.writing import IGNORED


def paint(
    image: AnnotatedImage,
    *,
    shape: tuple[int, int],
    indices: Mapping[str, int],
    uncovered: int,
    order: Sequence[int] = (),
    all_touched: bool = False,
) -> NDArray[np.uint8]:
    """Return the label of an image: a pixel is in an outline where its centre is.

    Annotations are painted as they come, each over those before. What is not of the kind area becomes ``IGNORED``.

    Args:
        image: with its annotations.
        shape: (height, width) of the image in pixels, upright.
        indices: class of each name, or ``IGNORED``.
        uncovered: class where nothing is drawn, or ``IGNORED``.
        order: all classes and ``IGNORED``, the lowest first; without it, annotations are painted as they come.
        all_touched: pixels that an outline touches belong to it.

    Raises:
        DataError: the annotations are of an image of another size, or a mask reaches beyond it or cannot be unpacked.
    """
    if image.size is not None and image.size != shape:
        advice = 'annotate the image as it is'
        if image.size == shape[::-1]:
            advice = 'if its EXIF tag turns it and the annotations belong to the unturned image, remove the tag'
        raise DataError(
            f'{image.source}: {image.name} is annotated as {image.size[1]}x{image.size[0]} pixels, and the image has '
            f'{shape[1]}x{shape[0]} (width x height): {advice}'
        )
    label = np.full(shape, uncovered, np.uint8)
    queue = [(indices[one.name] if one.kind == AREA else IGNORED, one) for one in image.annotations]
    if order:  # what is ignored for its kind stays below, whatever its class
        rank = {value: place for place, value in enumerate(order)}
        queue.sort(key=lambda item: rank[item[0]] if item[1].kind == AREA else -1)
    outlines: list[tuple[Any, int]] = []
    burn = partial(_burn, label=label, stretched=image.relative, all_touched=all_touched)
    for value, one in queue:
        if one.outline is not None:
            outlines.append((one.outline, value))
        if one.patch is None:
            continue
        burn(outlines)
        outlines = []
        with faults_of(f'{image.source}: mask of {one.name} in {image.name}'):
            top, left, mask = one.patch()
            height, width = mask.shape
            if top < 0 or left < 0 or top + height > shape[0] or left + width > shape[1]:
                raise ValueError(f'it reaches from ({left}, {top}) over {width}x{height} pixels, beyond the image')
            label[top : top + height, left : left + width][mask] = value
    burn(outlines)
    return label


def outside(image: AnnotatedImage, shape: tuple[int, int]) -> int:
    """Return how many outlines have no part in their image, of (height, width) pixels."""
    height, width = (1, 1) if image.relative else shape
    outlines = np.array([one.outline for one in image.annotations if one.outline is not None], object)
    left, top, right, bottom = shapely.bounds(outlines).T
    return int(((left >= width) | (top >= height) | (right <= 0) | (bottom <= 0)).sum())


def _burn(outlines: Sequence[tuple[Any, int]], *, label: NDArray[np.uint8], stretched: bool, all_touched: bool) -> None:
    """Paint outlines over a label, in place; ``stretched`` are those in shares of its width and height."""
    if not outlines:
        return
    if stretched:
        factors = np.array(label.shape[::-1])
        outlines = [(shapely.transform(outline, lambda points: points * factors), value) for outline, value in outlines]
    rasterize(outlines, out=label, all_touched=all_touched)
