"""Folder layouts of the two data sets: which images belong to which split, and the lines of their lists."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from mmseg_aux_hrnet.datasets.georeference import place_of
from mmseg_aux_hrnet.datasets.splits import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    SPLITS,
    ListForm,
    cut_suffix,
    divide,
    index_by_stem,
    parse_line,
    scene_of,
)
from mmseg_aux_hrnet.errors import SplitError, counted

HEADER_THREADS = 8  # that read where images lie


class Layout(NamedTuple):
    """Folders below a data root (images, labels, lists) and the form of its lists."""

    images: str
    labels: str
    lists: str
    form: ListForm


LAYOUTS = {
    'singlegreen': Layout(images='rawdata', labels='labeldata', lists='splits', form='txt'),
    'urbanisation': Layout(images='x', labels='y', lists='list', form='lst'),
}


class ListedImage(NamedTuple):
    """An image and its label, relative to the data root; ``name`` is the image relative to the folder listed."""

    name: str
    image: str
    label: str | None

    @property
    def stem(self) -> str:
        """The name without its suffix, the same for image and label."""
        return cut_suffix(self.name, IMAGE_SUFFIXES)


def find_layout(root: Path, *, kind: str | None = None) -> Layout:
    """Return the layout of a data root, from its folders where ``kind`` is not given.

    Raises:
        SplitError: the folders are missing or fit both layouts.
    """
    if not root.is_dir():
        raise SplitError(f'data root "{root}" is not a folder; give the folder that holds "rawdata" or "x"')
    kinds = list(LAYOUTS) if kind is None else [kind]
    found = [LAYOUTS[name] for name in kinds if (root / LAYOUTS[name].images).is_dir()]
    if len(found) > 1:
        raise SplitError(f'data root "{root}" holds both "rawdata" and "x"; say which with --kind {" or ".join(kinds)}')
    if not found:
        layouts = ' or '.join(f'{LAYOUTS[name].images} with {LAYOUTS[name].labels} ({name})' for name in kinds)
        raise SplitError(f'data root "{root}" has no image folder; expected in it: {layouts}')
    return found[0]


def plan_lists(
    root: Path,
    *,
    layout: Layout,
    form: ListForm,
    ratios: tuple[float, float, float] | None = None,
    seed: int = 0,
    scene: str | None = None,
    block: float | None = None,
    test_images_only: bool = False,
    on_header: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, list[str]], dict[str, int], list[str]]:
    """Work out every list of a data root without writing anything.

    A tree with train, val or test folders is listed as it is; an image folder without them is divided. The stems of a
    ``.txt`` list are relative to the folder of their split in the first case and to the image folder in the second;
    the paths of a ``.lst`` list are relative to the data root.

    Args:
        root: the data root.
        layout: its folders.
        form: of the lists.
        ratios: shares of train, val and test; None where the data root is divided already.
        seed: of the division.
        scene: pattern of the scene in a stem, see :func:`~mmseg_aux_hrnet.datasets.splits.scene_of`; None where every
            image is a scene of its own.
        block: side in metres of squares of ground, each of which goes to one split, see
            :func:`~mmseg_aux_hrnet.datasets.ground_split.divide_ground`; None to divide by names.
        test_images_only: leave the labels out of the test list.
        on_header: called after the place of each image is read, with the number done and of all.

    Returns:
        Lines of each list by its file name; scenes of each list, empty without a pattern; stems of images that no list
        names: those outside train, val and test, or those that share ground with another split.

    Raises:
        SplitError: no images, an image without its label, ambiguous stems, one scene in two splits, ratios that are
            missing or not needed, or images that do not say where they lie for blocks.
        StackError: blocks are asked for, and the extra ``geo`` is not installed.
    """
    if block is not None and scene is not None:
        raise SplitError('--block divides by ground and --scene by names; give one of them')
    if test_images_only and form == 'txt':
        raise SplitError('--test-images-only has no effect on .txt lists, which never name labels; leave it out')
    present = [split for split in SPLITS if (root / layout.images / split).is_dir()]
    if present:
        if ratios is not None or block is not None:
            option = '--ratio' if block is None else '--ratio and --block'
            raise SplitError(f'"{root / layout.images}" is divided already ({", ".join(present)}); leave out {option}')
        splits, left_out = _read_tree(root, layout=layout, present=present)
    else:
        images, ratios = _undivided(root, layout=layout, ratios=ratios)
        by_stem = {image.stem: image for image in images}
        if block is None:
            stems: Mapping[str, Sequence[str]] = divide(by_stem, ratios=ratios, seed=seed, scene_pattern=scene)
        else:
            stems = _divide_ground(root, by_stem, block=block, ratios=ratios, seed=seed, on_header=on_header)
        splits = {split: [by_stem[stem] for stem in stems[split]] for split in SPLITS if stems[split]}
        left_out = [*stems.get('', ())]
    scenes = {} if scene is None else _count_scenes(splits, pattern=scene)
    if test_images_only and 'test' in splits:
        splits['test'] = [image._replace(label=None) for image in splits['test']]
    if form == 'lst' and 'train' in splits and 'val' in splits:  # for a last training, once choices are made
        splits['trainval'] = splits['train'] + splits['val']
        if scenes:
            scenes['trainval'] = scenes['train'] + scenes['val']
    lists = {
        f'{split}.{form}': [
            format_line(image.name, form=form) if form == 'txt' else format_line(image.image, image.label, form=form)
            for image in images
        ]
        for split, images in splits.items()
    }
    return lists, {f'{split}.{form}': count for split, count in scenes.items()}, left_out


def _read_tree(root: Path, *, layout: Layout, present: list[str]) -> tuple[dict[str, list[ListedImage]], list[str]]:
    """Pair the files of each split folder; return also the stems of images outside of them."""
    splits = {
        split: _pair_files(root, images=f'{layout.images}/{split}', labels=f'{layout.labels}/{split}')
        for split in present
    }
    for split, images in splits.items():
        # A test set without any label is one whose labels are kept back; with some labels, the others are missing.
        if split != 'test' or any(image.label is not None for image in images):
            _refuse_unlabelled(images, labels=root / layout.labels / split)
    stems = index_by_stem(root / layout.images, IMAGE_SUFFIXES)
    return splits, [stem for stem in stems if stem.split('/')[0] not in present or '/' not in stem]


def _undivided(
    root: Path, *, layout: Layout, ratios: tuple[float, float, float] | None
) -> tuple[list[ListedImage], tuple[float, float, float]]:
    """Return the images of a folder that is to be divided, each with its label, and the ratios, which must be there."""
    images = _pair_files(root, images=layout.images, labels=layout.labels)
    if ratios is None:
        raise SplitError(
            f'"{root / layout.images}" has no train, val or test folder; divide its '
            f'{counted(len(images), "image")} with '
            '--ratio 0.7 0.15 0.15 (and --scene or --block), or move them into such folders'
        )
    _refuse_unlabelled(images, labels=root / layout.labels)
    return images, ratios


def _divide_ground(
    root: Path,
    images: Mapping[str, ListedImage],
    *,
    block: float,
    ratios: tuple[float, float, float],
    seed: int,
    on_header: Callable[[int, int], None],
) -> dict[str, list[str]]:
    """Return the stems of each split by blocks of ground; those that are left out under no name."""
    places: list[Any] = []
    paths = [root / image.image for image in images.values()]
    with ThreadPoolExecutor(HEADER_THREADS) as pool:
        for place in pool.map(place_of, paths):
            places.append(place)
            on_header(len(places), len(paths))
    bare = [path for path, place in zip(paths, places, strict=True) if place is None or not place.crs]
    if bare:
        raise SplitError(
            f'--block divides by ground, but {len(bare)} of {counted(len(paths), "image")} do not say where '
            f'they lie, the first is {bare[0]}; divide by scenes in their names instead, with --scene'
        )
    # Late: it needs the extra ``geo``, which images that say where they lie have asked for.
    from mmseg_aux_hrnet.datasets.ground_split import divide_ground, grounds_of

    grounds, seam = grounds_of(places)
    stems: dict[str, list[str]] = {split: [] for split in (*SPLITS, '')}
    division = divide_ground(grounds, block=block, ratios=ratios, seed=seed, seam=seam)
    for stem, split in zip(images, division, strict=True):
        stems[split or ''].append(stem)
    return stems


def _pair_files(root: Path, *, images: str, labels: str) -> list[ListedImage]:
    """Pair images and labels of two folders, named relative to the root, by their stems."""
    image_files = index_by_stem(root / images, IMAGE_SUFFIXES)
    if not image_files:
        raise SplitError(f'folder "{root / images}" holds no image ({" ".join(IMAGE_SUFFIXES)}); add some or remove it')
    label_files = index_by_stem(root / labels, LABEL_SUFFIXES) if (root / labels).is_dir() else {}
    pairs = []
    for stem, names in image_files.items():
        of_label = label_files.get(stem, [])
        for folder, double in ((images, names), (labels, of_label)):
            if len(double) > 1:
                raise SplitError(
                    f'folder "{root / folder}" holds {" and ".join(double)}, one stem for different files; keep one of '
                    'them'
                )
        pairs.append(ListedImage(names[0], f'{images}/{names[0]}', f'{labels}/{of_label[0]}' if of_label else None))
    return pairs


def _refuse_unlabelled(images: list[ListedImage], *, labels: Path) -> None:
    missing = [image.image for image in images if image.label is None]
    if missing:
        raise SplitError(
            f'{len(missing)} of {counted(len(images), "image")} without a label ({" ".join(LABEL_SUFFIXES)}) in '
            f'"{labels}", the first is {missing[0]}; add the labels or remove the images'
        )


def _count_scenes(splits: Mapping[str, list[ListedImage]], *, pattern: str) -> dict[str, int]:
    """Return the number of scenes of each split; SplitError where a scene is in two, whose results would flatter."""
    split_of: dict[str, str] = {}
    counts = {}
    for split, images in splits.items():
        scenes = sorted({scene_of(image.stem, pattern) for image in images})
        counts[split] = len(scenes)
        for scene in scenes:
            if scene in split_of:
                raise SplitError(
                    f'scene "{scene}" is in {split_of[scene]} and in {split}; move its images into one split, or leave '
                    'out --scene to list them so'
                )
            split_of[scene] = split
    return counts


def format_line(image: str, label: str | None = None, *, form: ListForm) -> str:
    """Return the line that ``read_split`` reads back as these files (``.lst``) or as the image's stem (``.txt``).

    Raises:
        SplitError: no line can say the name, as with a backslash or a line break in it.
    """
    if form == 'txt':
        wanted: tuple[str, str | None] = (cut_suffix(image, IMAGE_SUFFIXES), None)
        lines = (wanted[0], image)  # the name with its suffix serves for a.png.jpg, whose stem would lose .png
    else:
        wanted = (image, label)
        lines = (f'{image} {label}' if label else image, f'{image}\t{label or ""}')
    for line in lines:
        # The reader itself says whether a line will do, so that no rule of names stands in two places.
        with contextlib.suppress(ValueError):
            if not re.search(r'[\r\n]|^\ufeff', line) and parse_line(line, form=form) == wanted:
                return line
    raise SplitError(
        f'{" ".join(filter(None, wanted))!r} cannot be written in a .{form} list because of a backslash, tab, line '
        'break or outer space; rename the file'
    )
