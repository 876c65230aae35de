"""From images without a place on the ground, and what was drawn on them, to tiles: split by image, painted and cut."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mmseg_aux_hrnet.datasets.splits import IMAGE_SUFFIXES, cut_suffix, divide, scene_of
from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import ConfigError, DataError, SplitError
from mmseg_aux_hrnet.labelling.annotated_image import AREA, AnnotatedImage, named, settle_kinds
from mmseg_aux_hrnet.labelling.annotations import match_images, read_annotations
from mmseg_aux_hrnet.labelling.class_rules import ClassRules, by_own_names
from mmseg_aux_hrnet.labelling.image_labels import paint
from mmseg_aux_hrnet.labelling.writing import IGNORED, TileStore, moments_of

RATIOS = (0.7, 0.15, 0.15)
# Folders that are a split by the names that annotation programs and COCO give them, such as train2017.
SPLIT_FOLDER = re.compile(r'(train|val|test)(?:id|idation)?\d*', re.IGNORECASE)


class ImagePlan(NamedTuple):
    """Images and what becomes of them.

    Attributes:
        folder: that the images are in.
        annotated: what was drawn on each image, None where nothing is known, by its path in the folder.
        indices: class of each name, or ``IGNORED``.
        splits: train, val or test of each image.
        notes: what a user should read.
    """

    folder: Path
    annotated: dict[str, AnnotatedImage | None]
    indices: dict[str, int]
    splits: dict[str, str]
    notes: list[str]


def plan_images(
    annotations: Sequence[str | Path],
    folder: Path,
    *,
    rules: ClassRules,
    ratios: Sequence[float] | None,
    seed: int,
    scene: str | None,
    fill_boxes: bool = False,
    ignore: Sequence[str] = (),
) -> ImagePlan:
    """Read annotations, find their images and classes, and divide the images; no image is opened yet.

    Args:
        annotations: files and folders.
        folder: of the images.
        rules: what the names of annotations mean; a name that is a class is that class.
        ratios: shares of train, val and test; None for those of the folders of the images, or else ``RATIOS``.
        seed: of the division.
        scene: pattern of the scene in the path of an image without its suffix; no scene is in two splits.
        fill_boxes: take boxes for areas.
        ignore: kinds of annotations that become ignored pixels.

    Raises:
        ConfigError: an option does not fit the images.
        DataError: annotations or images have a fault, see the readers.
        SplitError: the images cannot be divided so.
    """
    settled, notes = settle_kinds(read_annotations(annotations), fill_boxes=fill_boxes, ignore=ignore)
    annotated, missing = match_images(settled, folder)
    if missing:
        notes.append(f'{len(missing)} annotated images are not in {folder}: {named(missing)}')
    bare = [name for name, image in annotated.items() if image is None or not image.annotations]
    if rules.uncovered is None:
        raise ConfigError('no class is called background: say with --unlabelled what is left where nothing was drawn')
    if rules.uncovered == IGNORED:
        annotated = {name: image for name, image in annotated.items() if name not in bare}
    if bare:
        fate = 'are left out' if rules.uncovered == IGNORED else f'are all {rules.classes.names[rules.uncovered]}'
        notes.append(f'{len(bare)} images have no annotations and {fate}: {named(bare)}')
    names = [one.name for image in annotated.values() if image for one in image.annotations if one.kind == AREA]
    rules = rules._replace(of_value={**(by_own_names(rules).of_value or {}), **(rules.of_value or {})})
    indices = dict(zip(names, rules.look_up(names, where='annotations', option='--class-map'), strict=True))
    if not annotated:
        raise DataError(f'no image of {folder} has an annotation, and --unlabelled ignore leaves out all others')
    splits, note = _divide(list(annotated), folder, ratios=ratios, seed=seed, scene=scene)
    return ImagePlan(folder, annotated, indices, splits, [*notes, note])


def _divide(
    names: Sequence[str], folder: Path, *, ratios: Sequence[float] | None, seed: int, scene: str | None
) -> tuple[dict[str, str], str]:
    """Return the split of each image, and how they were divided."""
    stems = {cut_suffix(name, IMAGE_SUFFIXES): name for name in names}
    of_folder: dict[str, str] = {}
    for stem in stems:
        matches = [match for part in stem.split('/')[:-1] if (match := SPLIT_FOLDER.fullmatch(part))]
        if matches:
            of_folder[stem] = matches[0].group(1).lower()
    if not of_folder:
        dealt = divide(stems, ratios=ratios or RATIOS, seed=seed, scene_pattern=scene)
        how = 'by image' if scene is None else f'by scene ({scene})'
        splits = {stems[stem]: split for split, some in dealt.items() for stem in some}
        return splits, f'images are divided {how}, with seed {seed}'
    if ratios is not None:
        raise ConfigError(f'{folder} is divided already, such as {stems[next(iter(of_folder))]}: leave out --ratio')
    if outside := [stems[stem] for stem in stems if stem not in of_folder]:
        raise SplitError(f'{folder} has folders of splits, and {len(outside)} images are in none: {named(outside)}')
    split_of: dict[str, str] = {}
    for stem, split in of_folder.items() if scene is not None else ():
        place = scene_of(stem, scene or '')
        if split_of.setdefault(place, split) != split:
            raise SplitError(f'scene "{place}" is in {split_of[place]} and in {split}: move its images into one folder')
    return {stems[stem]: split for stem, split in of_folder.items()}, 'images are divided by their folders'


def write_image_tiles(
    plan: ImagePlan,
    store: TileStore,
    *,
    rules: ClassRules,
    in_order_of_file: bool,
    tile: int,
    overlap: int,
    on_image: Callable[[int, int], None],
) -> dict[str, str]:
    """Paint and cut every image, write its tiles, and return the split of each.

    Args:
        plan: of :func:`plan_images`.
        store: where tiles go.
        rules: of the classes.
        in_order_of_file: whether later annotations are painted over earlier ones, whatever their classes.
        tile: side in pixels; an image that is not larger stays whole.
        overlap: of neighbouring tiles, in pixels; the last ones overlap more, so that they end where the image does.
        on_image: called with the number of images done and of all.

    Raises:
        DataError: an image cannot be read or is not of the size that it was annotated in, or tiles share a name.
        OSError: a tile cannot be written.
    """
    splits: dict[str, str] = {}
    stems = tile_stems(list(plan.annotated))
    for number, (name, image) in enumerate(plan.annotated.items()):
        on_image(number, len(plan.annotated))
        pixels = read_rgb(plan.folder / name)
        height, width = pixels.shape[:2]
        label = paint(
            image or AnnotatedImage(name, plan.folder, ()),
            shape=(height, width),
            indices=plan.indices,
            uncovered=IGNORED if rules.uncovered is None else rules.uncovered,
            order=() if in_order_of_file else rules.painting,
        )
        for row, top in enumerate(starts := _starts(height, tile, overlap)):
            for column, left in enumerate(across := _starts(width, tile, overlap)):
                window = slice(top, top + tile), slice(left, left + tile)
                stem = stems[name] if len(starts) * len(across) == 1 else f'{stems[name]}_r{row}c{column}'
                cut = np.ascontiguousarray(pixels[window])
                store.add(
                    stem,
                    suffix='.png',
                    label=label[window],
                    moments=moments_of(np.moveaxis(cut, -1, 0), np.ones(cut.shape[:2], bool)),
                    write_image=partial(Image.fromarray(cut).save, format='PNG'),
                )
                splits[stem] = plan.splits[name]
    on_image(len(plan.annotated), len(plan.annotated))
    return splits


def tile_stems(names: Sequence[str]) -> dict[str, str]:
    """Return a name for the tiles of each image: its file's, with those of its folders where files share a name.

    Args:
        names: paths with ``/``.
    """
    whole = {name: cut_suffix(name, IMAGE_SUFFIXES).split('/') for name in names}
    counts = Counter(parts[-1].casefold() for parts in whole.values())
    return {name: parts[-1] if counts[parts[-1].casefold()] == 1 else '_'.join(parts) for name, parts in whole.items()}


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    if size <= tile:
        return [0]
    starts = list(range(0, size - tile + 1, tile - overlap))
    return starts if starts[-1] + tile == size else [*starts, size - tile]
