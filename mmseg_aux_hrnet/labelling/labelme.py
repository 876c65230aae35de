"""Reads labelme JSON: one file for each image."""

import base64
import math
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from PIL import Image

from mmseg_aux_hrnet.labelling.annotated_image import (
    AREA,
    BOX,
    EMPTY,
    NO_AREA,
    AnnotatedImage,
    Annotation,
    Patch,
    box_ring,
    faults_of,
    polygon_annotation,
)

CORNERS = ('rotation', 'oriented_rectangle')  # names that programs like labelme give to a box that is turned


def is_labelme(content: Any) -> bool:
    """Tell whether JSON is of the form of labelme."""
    return isinstance(content, Mapping) and {'shapes', 'imagePath'} <= content.keys()


def read_labelme(content: Mapping[str, Any], path: Path) -> AnnotatedImage:
    """Return what was drawn on an image.

    Points have the corners of pixels at whole numbers, as on labelme's canvas.

    Args:
        content: of the file.
        path: of the file; the image's path is relative to it.

    Raises:
        DataError: an entry is missing or wrong.
    """
    drawn = []
    for number, entry in enumerate(content['shapes'], start=1):
        with faults_of(f'{path}: shape {number}'):
            drawn.append(_annotation(entry))
    with faults_of(str(path)):
        name = str(content['imagePath']).replace('\\', '/')
        height, width = (int(content.get(key) or 0) for key in ('imageHeight', 'imageWidth'))
        return AnnotatedImage(name, path, tuple(drawn), size=(height, width) if height and width else None)


def _annotation(entry: Mapping[str, Any]) -> Annotation:
    """Return what one entry draws.

    Raises:
        ValueError: it is of a form that is not known, or its points are not those of the form.
    """
    name, form, points = str(entry['label']), entry.get('shape_type') or 'polygon', entry['points']
    if form in NO_AREA:
        return Annotation(name, kind=form)
    if form in ('polygon', *CORNERS):
        return polygon_annotation(name, [points], kind=AREA if form == 'polygon' else BOX)
    if form not in ('rectangle', 'circle', 'mask'):
        raise ValueError(f'shape_type {form!r} is not known: use polygon, mask, rectangle or circle')
    (x1, y1), (x2, y2) = points
    if form == 'rectangle':
        return polygon_annotation(name, [box_ring(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))], kind=BOX)
    if form == 'mask':
        return Annotation(name, patch=partial(_unpacked, entry['mask'], top=round(y1), left=round(x1)))
    radius = math.dist((x1, y1), (x2, y2))
    if not math.isfinite(radius) or radius == 0:
        return Annotation(name, kind=EMPTY)
    return polygon_annotation(name, [shapely.get_coordinates(shapely.Point(x1, y1).buffer(radius, quad_segs=64))])


def _unpacked(text: str, *, top: int, left: int) -> Patch:
    with Image.open(BytesIO(base64.b64decode(text, validate=True))) as image:
        return Patch(top, left, np.asarray(image).astype(bool))
