"""Finds the files of annotation programs, tells their formats, and joins what they draw with the images."""

import json
import posixpath
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.datasets.splits import IMAGE_SUFFIXES, cut_suffix, index_by_stem
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.labelling.annotated_image import AnnotatedImage, named
from mmseg_aux_hrnet.labelling.coco import is_coco, read_coco
from mmseg_aux_hrnet.labelling.cvat import read_cvat
from mmseg_aux_hrnet.labelling.labelme import is_labelme, read_labelme
from mmseg_aux_hrnet.labelling.yolo import NO_LABELS, read_yolo

SUFFIXES = ('.json', '.xml', '.txt')
FORMATS = 'COCO instances, labelme, CVAT for images 1.1 or YOLO polygons'


def read_annotations(inputs: Sequence[str | Path]) -> list[AnnotatedImage]:
    """Return what is drawn in files and folders of COCO JSON, labelme JSON, CVAT XML and YOLO text.

    What a file holds tells its format. Of a folder all files below it are taken that end in .json, .xml or .txt, but
    for lists, texts called readme, and the .aux.xml of GDAL.

    Args:
        inputs: files and folders.

    Raises:
        DataError: nothing is there, or a file is of none of these formats or has a fault.
    """
    images: list[AnnotatedImage] = []
    for top in map(Path, inputs):
        if not top.exists():
            raise DataError(f'{top} does not exist: name files or folders of annotations')
        folder = top if top.is_dir() else top.parent
        files = [top]
        if top.is_dir():
            files = sorted(top / name for names in index_by_stem(top, SUFFIXES).values() for name in names)
            files = [file for file in files if not _is_beside(file)]
        if not files:
            raise DataError(f'{top} holds no annotations: it needs files of {FORMATS}')
        texts = [file for file in files if file.suffix.lower() == '.txt']
        for file in files:
            if file.suffix.lower() == '.xml':
                images += read_cvat(file)
            elif file not in texts:
                images += _read_json(file, folder)
        images += read_yolo(texts, folder) if texts else []
    return images


def _is_beside(file: Path) -> bool:
    """Tell whether a file is one that lies beside annotations and images: a list, a text to read, what GDAL keeps."""
    stem, suffix = file.stem.casefold(), file.suffix.lower()
    if suffix == '.txt':
        return stem in NO_LABELS or stem.startswith('readme')
    return suffix == '.xml' and stem.endswith('.aux')


def _read_json(file: Path, folder: Path) -> list[AnnotatedImage]:
    try:
        content = json.loads(file.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'{file} is not JSON ({error}): name files of {FORMATS}') from error
    if is_coco(content):
        return read_coco(content, file)
    if not is_labelme(content):
        keys = f'entries {named(content)}' if isinstance(content, Mapping) else f'a {type(content).__name__}'
        raise DataError(f'{file} is JSON with {keys}, neither COCO instances nor labelme: name files of {FORMATS}')
    image = read_labelme(content, file)
    # The path is relative to the file; as "../images/a.jpg" it goes on from the folder that was named.
    below = posixpath.normpath(f'{file.parent.relative_to(folder).as_posix()}/{image.name}')
    return [replace(image, name=below)]


class MatchedImages(NamedTuple):
    """Images on disk and what is drawn on them.

    Attributes:
        annotated: by path relative to the folder, sorted; an image without annotations has none.
        missing: names of images that are annotated and not there.
    """

    annotated: dict[str, AnnotatedImage | None]
    missing: list[str]


def match_images(images: Sequence[AnnotatedImage], folder: str | Path) -> MatchedImages:
    """Join annotations with the images below a folder.

    An annotation belongs to the image of its file name. Where several folders hold one of that name, it is the one
    whose folders agree the furthest, from the last one on; folders called images do not count.

    Raises:
        DataError: no image is there, two images share a stem, a name fits several images equally well, an image is
            annotated twice, or no annotated image is there.
    """
    on_disk = index_by_stem(folder, IMAGE_SUFFIXES)
    if not on_disk:
        raise DataError(f'{folder} holds no image: it needs {" ".join(IMAGE_SUFFIXES)}')
    if double := [names for names in on_disk.values() if len(names) > 1]:
        raise DataError(
            f'{folder} holds {" and ".join(double[0])}, and their tiles would have the same name: keep one of them'
        )
    by_base = defaultdict[str, list[str]](list)
    for names in on_disk.values():
        by_base[posixpath.basename(names[0])].append(names[0])
        by_base[posixpath.basename(cut_suffix(names[0], IMAGE_SUFFIXES))].append(names[0])
    annotated: dict[str, AnnotatedImage | None] = dict.fromkeys(names[0] for names in on_disk.values())
    missing = []
    for image in images:
        found = _best(image, by_base[posixpath.basename(image.name)])
        if found is None:
            missing.append(image.name)
        elif (other := annotated[found]) is not None:
            where = f'{other.source} as {other.name}, and {image.source} as {image.name}'
            raise DataError(f'image {found} is annotated twice, in {where}: keep one of them')
        else:
            annotated[found] = image
    if len(missing) == len(images):
        raise DataError(f'none of the {len(images)} annotated images is in {folder}, such as {named(missing)}')
    return MatchedImages(dict(sorted(annotated.items())), sorted(missing))


def _best(image: AnnotatedImage, candidates: Sequence[str]) -> str | None:
    """Return the image whose path agrees with an annotation's name the furthest from the end; None without any.

    Raises:
        DataError: several agree equally far.
    """
    theirs = _folders(image.name)

    def agreeing(candidate: str) -> int:
        same = (ours == other for ours, other in zip(_folders(candidate), theirs, strict=False))
        return sum(takewhile(bool, same))

    candidates = [name for name in candidates if image.of_stem or name.endswith(posixpath.basename(image.name))]
    counts = Counter({candidate: agreeing(candidate) for candidate in candidates})
    ranked = counts.most_common(2)
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        raise DataError(
            f'{image.source}: {image.name} may be {ranked[0][0]} or {ranked[1][0]}: name the folder of one of them, or '
            'write the folder before the name in the annotations'
        )
    return ranked[0][0] if ranked else None


def _folders(name: str) -> list[str]:
    return [part for part in reversed(name.split('/')[:-1]) if part not in ('images', '.', '..')]
