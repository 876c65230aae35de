"""Reads COCO JSON: object instances with polygons or run-length encoded masks."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mmseg_aux_hrnet.errors import DataError, StackError, counted
from mmseg_aux_hrnet.labelling.annotated_image import (
    AREA,
    BOX,
    CROWD,
    EMPTY,
    AnnotatedImage,
    Annotation,
    Patch,
    box_ring,
    faults_of,
    named,
    polygon_annotation,
    runs_to_mask,
)


def is_coco(content: Any) -> bool:
    """Tell whether JSON is of the form of COCO."""
    return isinstance(content, Mapping) and {'images', 'annotations'} <= content.keys()


def read_coco(content: Mapping[str, Any], path: Path) -> list[AnnotatedImage]:
    """Return the images of a COCO file, those without annotations too.

    Polygons have the corners of pixels at whole numbers. The polygons of one annotation belong together: COCO has no
    holes but in masks.

    Args:
        content: of the file.
        path: of the file.

    Raises:
        DataError: an entry is missing or wrong, an image is there twice, or a number stands for no image or class.
        StackError: a mask is compressed, and pycocotools is missing.
    """
    with faults_of(f'{path}: categories'):
        names = {int(entry['id']): str(entry['name']) for entry in content.get('categories', ())}
    images: dict[Any, Mapping[str, Any]] = {}
    for number, entry in enumerate(content['images']):
        with faults_of(f'{path}: image {number} of the list'):
            if images.setdefault(entry['id'], entry) is not entry:
                raise ValueError(f'its id {entry["id"]} is also that of {images[entry["id"]]["file_name"]}')
    _check_references(content['annotations'], path, images=images, names=names)
    drawn = defaultdict[Any, list[Annotation]](list)
    for entry in content['annotations']:
        with faults_of(f'{path}: annotation {entry.get("id", "without id")}'):
            size = _size(images[entry['image_id']])
            drawn[entry['image_id']].append(_annotation(entry, names[int(entry['category_id'])], size=size))
    read = []
    for key, entry in images.items():
        with faults_of(f'{path}: image {key}'):
            name = str(entry['file_name']).replace('\\', '/')
            read.append(AnnotatedImage(name, path, tuple(drawn[key]), size=_size(entry)))
    return read


def _check_references(annotations: Any, path: Path, *, images: Mapping[Any, Any], names: Mapping[int, str]) -> None:
    """Raise where annotations are of images or classes that the file does not have."""
    with faults_of(f'{path}: annotations'):
        if any('segments_info' in entry for entry in annotations):
            raise DataError(f'{path} is COCO panoptic, with its areas in separate pictures: export instances')
        lost = Counter(entry['image_id'] for entry in annotations if entry['image_id'] not in images)
        nameless = Counter(int(entry['category_id']) for entry in annotations if int(entry['category_id']) not in names)
    for counts, what in ((lost, 'image_id'), (nameless, 'category_id')):
        if counts:
            said = named(f'{number} ({counted(count, "annotation")})' for number, count in counts.most_common())
            raise DataError(f'{path}: no entry has the {what} {said}: add it to the file, or remove the annotations')


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = (int(image.get(key) or 0) for key in ('height', 'width'))
    return (height, width) if height > 0 and width > 0 else None


def _annotation(entry: Mapping[str, Any], name: str, *, size: tuple[int, int] | None) -> Annotation:
    """Return what one annotation draws."""
    drawn, kind = entry.get('segmentation'), CROWD if entry.get('iscrowd') else AREA
    if isinstance(drawn, Mapping):
        height, width = (int(extent) for extent in drawn['size'])
        if size is not None and size != (height, width):
            raise ValueError(f'the mask has the size {(height, width)}, and its image {size} (height, width)')
        if isinstance(drawn['counts'], (str, bytes)) and find_spec('pycocotools') is None:
            raise StackError('compressed masks need pycocotools: pip install "mmseg-aux-hrnet[labels]"')
        return Annotation(name, kind=kind, patch=partial(_unpacked, drawn['counts'], (height, width)))
    if drawn:
        rings = [np.asarray(ring, np.float64) for ring in drawn]
        if any(ring.ndim != 1 or ring.size % 2 for ring in rings):
            raise ValueError('a polygon must be one list of alternating x and y')
        return polygon_annotation(name, [ring.reshape(-1, 2) for ring in rings], kind=kind)
    if any(entry.get('keypoints') or ()):
        return Annotation(name, kind='keypoints')
    if entry.get('bbox'):
        left, top, across, down = (float(value) for value in entry['bbox'])
        return polygon_annotation(name, [box_ring(left, top, left + across, top + down)], kind=BOX)
    return Annotation(name, kind=EMPTY)


def _unpacked(counts: Any, shape: tuple[int, int]) -> Patch:
    if not isinstance(counts, (str, bytes)):
        return Patch(0, 0, runs_to_mask(counts, shape=shape, columns=True))
    from pycocotools import mask

    packed = {'size': list(shape), 'counts': counts.encode() if isinstance(counts, str) else counts}
    unpacked = np.asarray(mask.decode(packed), bool)
    # Runs for too many pixels are an error, but after too few the rest of the memory is handed out as it was. So they
    # are counted by an image of one pixel less, for which they must be too many.
    try:
        mask.decode({**packed, 'size': [shape[0] * shape[1] - 1, 1]})
    except ValueError:
        return Patch(0, 0, unpacked)
    raise ValueError(f'its runs end before the last pixel of {shape}')
