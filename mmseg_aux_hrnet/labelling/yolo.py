"""Reads YOLO text files: one for each image, a class number and a polygon a line, in shares of width and height."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from mmseg_aux_hrnet.errors import DataError, counted
from mmseg_aux_hrnet.labelling.annotated_image import (
    BOX,
    AnnotatedImage,
    Annotation,
    box_ring,
    faults_of,
    named,
    polygon_annotation,
)

NAMES = ('data.yaml', 'data.yml', 'dataset.yaml', 'dataset.yml', 'classes.txt', 'obj.names')
NO_LABELS = ('classes', 'train', 'val', 'valid', 'test')  # stems of text files that are lists
ABOVE = 2  # folders: from labels/train to the one that holds labels and data.yaml
BOX_VALUES, POLYGON_VALUES = 4, 6
BEYOND = 0.02  # of the image: how far a polygon may reach over its edge before it is taken for one in pixels


def read_yolo(files: Sequence[Path], folder: Path) -> list[AnnotatedImage]:
    """Return the images of label files; an empty file is an image without annotations.

    Args:
        files: below ``folder``; an image has the path of its file, without a folder called labels.
        folder: what was named. In it, in folders below it, or up to ``ABOVE`` above it, the names of the classes are
            found: ``names`` of a data.yaml, or classes.txt, one name a line.

    Raises:
        DataError: a line is malformed, or a number has no name; names the lines, or the numbers with their counts.
    """
    images, nameless = [], Counter[str]()
    names_in: dict[Path, Mapping[int, str]] = {}
    for path in files:
        if path.parent not in names_in:
            names_in[path.parent] = _names_for(path.parent, folder)
        names = names_in[path.parent]
        try:
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f'{path} cannot be read as text ({error})') from error
        drawn = []
        for number, line in enumerate(lines, start=1):
            with faults_of(f'{path} line {number}'):
                if fields := line.split():
                    index = int(fields[0])
                    nameless[f'{index}'] += index not in names
                    drawn.append(_annotation(names.get(index, ''), [float(field) for field in fields[1:]]))
        parts = [part for part in path.relative_to(folder).with_suffix('').parts if part != 'labels']
        images.append(AnnotatedImage('/'.join(parts), path, tuple(drawn), of_stem=True, relative=True))
    if missing := +nameless:
        said = named(f'{index} ({counted(count, "annotation")})' for index, count in missing.most_common())
        raise DataError(f'{folder}: no name for class {said}: give names in {NAMES[0]} or {NAMES[4]} beside the labels')
    return images


def _names_for(labels: Path, folder: Path) -> Mapping[int, str]:
    """Return the names of the classes by number, from the nearest file that has them; empty where there is none."""
    places = [place for place in (labels, *labels.parents) if place.is_relative_to(folder)]
    places += list(folder.absolute().parents)[:ABOVE]
    found = next((place / name for place in places for name in NAMES if (place / name).is_file()), None)
    if found is None:
        return {}
    with faults_of(str(found)):
        text = found.read_text(encoding='utf-8-sig')
        if found.suffix not in ('.yaml', '.yml'):
            return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
        try:
            said = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise DataError(f'{found} is not YAML ({error})') from error
        if 'kpt_shape' in said:
            raise DataError(f'{found} holds keypoints (kpt_shape), which have no area: export polygons')
        names = said['names']
        return {int(key): str(name) for key, name in (names.items() if isinstance(names, dict) else enumerate(names))}


def _annotation(name: str, values: list[float]) -> Annotation:
    """Return what one line draws.

    Raises:
        ValueError: there are not as many values as a box or a polygon has, or they are not shares.
    """
    if len(values) % 2 or len(values) < BOX_VALUES:
        raise ValueError(f'{counted(len(values), "value")} after the class: a polygon has alternating x and y')
    wrong = [value for value in values if not -BEYOND <= value <= 1 + BEYOND]
    if wrong:
        raise ValueError(f'{wrong[0]:g} is not a share of the image, 0..1: values in pixels are not allowed')
    if len(values) < POLYGON_VALUES:
        x, y, width, height = values
        return polygon_annotation(
            name, [box_ring(x - width / 2, y - height / 2, x + width / 2, y + height / 2)], kind=BOX
        )
    return polygon_annotation(name, [list(zip(values[::2], values[1::2], strict=True))])
