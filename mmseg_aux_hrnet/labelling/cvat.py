"""Reads CVAT XML "for images 1.1"."""

from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, parse

import numpy as np
import shapely

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.labelling.annotated_image import (
    AREA,
    BOX,
    NO_AREA,
    TAG,
    AnnotatedImage,
    Annotation,
    Patch,
    box_ring,
    faults_of,
    polygon_annotation,
    runs_to_mask,
)


def read_cvat(path: Path) -> list[AnnotatedImage]:
    """Return the images of a file, those without annotations too.

    Points have the corners of pixels at whole numbers. What has a higher ``z_order`` lies over those of lower ones,
    as CVAT shows it.

    Raises:
        DataError: it is not such a file, or an entry is missing or wrong.
    """
    try:
        root = parse(path).getroot()
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(f'{path} is not XML ({error}): export it again') from error
    if root.tag == 'annotation':
        raise DataError(f'{path} is PASCAL VOC, which has only boxes: export polygons, such as COCO')
    if root.tag != 'annotations' or root.find('track') is not None:
        found = 'CVAT for video' if root.find('track') is not None else f'XML of <{root.tag}>'
        raise DataError(f'{path} is {found}: export "CVAT for images 1.1"')
    images = []
    for entry in root.iter('image'):
        with faults_of(f'{path}: image {entry.get("name", "without name")}'):
            drawn = [child for child in entry if child.tag != 'attribute']
            drawn.sort(key=lambda child: int(child.get('z_order') or 0))
            size = int(entry.attrib['height']), int(entry.attrib['width'])
            name = entry.attrib['name'].replace('\\', '/')
            images.append(AnnotatedImage(name, path, tuple(map(_annotation, drawn)), size=size))
    return images


def _annotation(entry: Element) -> Annotation:
    """Return what one entry draws.

    Raises:
        ValueError: it is of a form that is not known, or a value is not what it must be.
    """
    said, name = entry.attrib, entry.attrib['label']
    if entry.tag in NO_AREA:
        return Annotation(name, kind=entry.tag)
    if entry.tag == TAG:
        return Annotation(name, kind=TAG)
    if entry.tag == 'polygon':
        pairs = (pair.split(',') for pair in said['points'].split(';') if pair)
        return polygon_annotation(name, [[tuple(map(float, pair)) for pair in pairs]])
    if entry.tag == 'mask':
        return Annotation(name, patch=partial(_unpacked, said))
    if entry.tag not in ('box', 'ellipse'):
        raise ValueError(f'<{entry.tag}> is not known: use polygon, mask, ellipse or box')
    if entry.tag == 'box':
        ring = np.array(box_ring(*(float(said[key]) for key in ('xtl', 'ytl', 'xbr', 'ybr'))))
        centre, kind = ring.mean(axis=0), BOX
    else:
        x, y, x_radius, y_radius = (float(said[key]) for key in ('cx', 'cy', 'rx', 'ry'))
        centre, kind = np.array((x, y)), AREA
        ring = shapely.get_coordinates(shapely.Point(0, 0).buffer(1, quad_segs=64)) * (x_radius, y_radius) + centre
    angle = np.deg2rad(float(said.get('rotation') or 0))
    cos, sin = np.cos(angle), np.sin(angle)
    # Clockwise as one looks at it, because y points downwards.
    return polygon_annotation(name, [(ring - centre) @ np.array(((cos, sin), (-sin, cos))) + centre], kind=kind)


def _unpacked(said: dict[str, str]) -> Patch:
    left, top, width, height = (int(float(said[key])) for key in ('left', 'top', 'width', 'height'))
    runs = [int(run) for run in said['rle'].split(',')]
    return Patch(top, left, runs_to_mask(runs, shape=(height, width), columns=False))
