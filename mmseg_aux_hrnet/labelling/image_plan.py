"""Which images there are, what was drawn on each, which classes that is, and how the images are divided."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.datasets.splits import IMAGE_SUFFIXES, cut_suffix, divide, scene_of
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError, counted
from mmseg_aux_hrnet.labelling.annotated_image import AREA, AnnotatedImage, named, settle_kinds
from mmseg_aux_hrnet.labelling.annotations import match_images, read_annotations
from mmseg_aux_hrnet.labelling.class_rules import ClassRules, by_own_names
from mmseg_aux_hrnet.labelling.request import RATIO, TileRequest
from mmseg_aux_hrnet.labelling.results import file_entry
from mmseg_aux_hrnet.labelling.writing import IGNORED

# Folders that are a split by the names that annotation programs and COCO give them, such as train2017.
SPLIT_FOLDER = re.compile(r'(train|val|test)(?:id|idation)?\d*', re.IGNORECASE)


class ImagePlan(NamedTuple):
    """Images and what becomes of them.

    Attributes:
        annotated: what was drawn on each image, None where nothing is known, by its path in their folder.
        indices: class of each name, or ``IGNORED``.
        splits: train, val or test of each image.
        notes: what a user should read.
    """

    annotated: dict[str, AnnotatedImage | None]
    indices: dict[str, int]
    splits: dict[str, str]
    notes: list[str]


def plan_images(request: TileRequest, rules: ClassRules) -> ImagePlan:
    """Read annotations, find their images and classes, and divide the images; no image is opened yet.

    Args:
        request: with annotations and the folder of the images.
        rules: what the names of annotations mean; a name that is a class is that class.

    Raises:
        ConfigError: an option does not fit the images.
        DataError: annotations or images have a fault, see the readers.
        SplitError: the images cannot be divided so.
    """
    assert request.images is not None
    if rules.uncovered is None:
        raise ConfigError(
            'no class is called background: name the class of ground without annotations with --unlabelled'
        )
    ignore = () if request.ignore is None else tuple(kind.strip() for kind in request.ignore.split(','))
    settled, notes = settle_kinds(read_annotations(request.annotations), fill_boxes=request.fill_boxes, ignore=ignore)
    annotated, missing = match_images(settled, request.images)
    if missing:
        notes.append(f'{counted(len(missing), "annotated image")} not in {request.images}: {named(missing)}')
    bare = [name for name, image in annotated.items() if image is None or not image.annotations]
    if rules.uncovered == IGNORED:
        annotated = {name: image for name, image in annotated.items() if name not in bare}
    if bare:
        fate = 'left out' if rules.uncovered == IGNORED else f'all {rules.classes.names[rules.uncovered]}'
        notes.append(f'{counted(len(bare), "image")} without annotations, {fate}: {named(bare)}')
    if not annotated:
        raise DataError(f'no image of {request.images} has annotations, and --unlabelled ignore leaves out all others')
    names = [one.name for image in annotated.values() if image for one in image.annotations if one.kind == AREA]
    rules = rules._replace(of_value={**(by_own_names(rules).of_value or {}), **(rules.of_value or {})})
    where = f'annotations in {named(request.annotations)}'
    indices = dict(zip(names, rules.look_up(names, where=where, option='--class-map'), strict=True))
    splits, note = _divide(list(annotated), request)
    notes += _copies(request.images, splits)
    order = rules.painting_note() if request.paint_order else 'later annotations lie over earlier ones (--paint-order)'
    return ImagePlan(annotated, indices, splits, [*notes, order, note])


def _divide(names: Sequence[str], request: TileRequest) -> tuple[dict[str, str], str]:
    """Return the split of each image, and how they were divided."""
    folder, scene = request.images, request.scene
    stems = {cut_suffix(name, IMAGE_SUFFIXES): name for name in names}
    of_folder: dict[str, str] = {}
    for stem in stems:
        matches = [match for part in stem.split('/')[:-1] if (match := SPLIT_FOLDER.fullmatch(part))]
        if matches:
            of_folder[stem] = matches[0].group(1).lower()
    if not of_folder:
        dealt = divide(stems, ratios=request.ratio or RATIO, seed=request.seed, scene_pattern=scene)
        how = 'by image' if scene is None else f'by scene ({scene})'
        splits = {stems[stem]: split for split, some in dealt.items() for stem in some}
        return splits, f'splits {how}, seed {request.seed}'
    if request.ratio is not None:
        raise ConfigError(f'{folder} is already divided, such as {stems[next(iter(of_folder))]}: leave out --ratio')
    if outside := [stems[stem] for stem in stems if stem not in of_folder]:
        raise SplitError(
            f'{folder} has folders of splits, and {counted(len(outside), "image")} in none: {named(outside)}'
        )
    split_of: dict[str, str] = {}
    for stem, split in of_folder.items() if scene is not None else ():
        place = scene_of(stem, scene or '')
        if split_of.setdefault(place, split) != split:
            raise SplitError(f'scene "{place}" is in {split_of[place]} and in {split}: move its images into one folder')
    return {stems[stem]: split for stem, split in of_folder.items()}, 'splits by the folders of the images'


def _copies(folder: Path, splits: Mapping[str, str]) -> list[str]:
    """Return a note about images that are the same file.

    Raises:
        SplitError: two of them are in different splits.
    """
    of_size = defaultdict[int, list[str]](list)
    for name in splits:
        of_size[(folder / name).stat().st_size].append(name)
    alike = defaultdict[str, list[str]](list)
    for name in (name for names in of_size.values() if len(names) > 1 for name in names):
        alike[file_entry(folder / name)['sha256']].append(name)
    copies = [names for names in alike.values() if len(names) > 1]
    for names in copies:
        others = [name for name in names if splits[name] != splits[names[0]]]
        if others:
            raise SplitError(
                f'{names[0]} and {others[0]} in {folder} are the same file, for {splits[names[0]]} and for '
                f'{splits[others[0]]}: remove one of them, or keep them together with --scene'
            )
    said = named(' = '.join(names) for names in copies)
    return [f'{counted(len(copies), "image")} there more than once: {said}'] if copies else []


def tile_stems(names: Sequence[str]) -> dict[str, str]:
    """Return a name for the tiles of each image: its file's, with those of its folders where files share a name.

    Args:
        names: paths with ``/``.
    """
    whole = {name: cut_suffix(name, IMAGE_SUFFIXES).split('/') for name in names}
    counts = Counter(parts[-1].casefold() for parts in whole.values())
    return {name: parts[-1] if counts[parts[-1].casefold()] == 1 else '_'.join(parts) for name, parts in whole.items()}
