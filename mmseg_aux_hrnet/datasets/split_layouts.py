"""Folder layouts of the two data sets: which images belong to which split, and the lines of their lists."""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

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
from mmseg_aux_hrnet.errors import SplitError


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
        raise SplitError(f'data root "{root}" is not a folder; give the folder that holds rawdata or x')
    kinds = list(LAYOUTS) if kind is None else [kind]
    found = [LAYOUTS[name] for name in kinds if (root / LAYOUTS[name].images).is_dir()]
    if len(found) > 1:
        raise SplitError(f'data root "{root}" holds both rawdata and x; say which with --kind {" or ".join(kinds)}')
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
    test_images_only: bool = False,
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
        test_images_only: leave the labels out of the test list.

    Returns:
        Lines of each list by its file name; scenes of each list, empty without a pattern; stems of images outside
        train, val and test, which no list names.

    Raises:
        SplitError: no images, an image without its label, ambiguous stems, one scene in two splits, or ratios that
            are missing or not needed.
    """
    if test_images_only and form == 'txt':
        raise SplitError('--test-images-only has no effect on .txt lists, which never name labels; leave it out')
    present = [split for split in SPLITS if (root / layout.images / split).is_dir()]
    if present:
        if ratios is not None:
            raise SplitError(f'"{root / layout.images}" is divided already ({", ".join(present)}); leave out --ratio')
        splits, left_out = _read_tree(root, layout=layout, present=present)
    else:
        splits, left_out = _divide_folder(root, layout=layout, ratios=ratios, seed=seed, scene=scene), []
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


def _divide_folder(
    root: Path, *, layout: Layout, ratios: tuple[float, float, float] | None, seed: int, scene: str | None
) -> dict[str, list[ListedImage]]:
    images = _pair_files(root, images=layout.images, labels=layout.labels)
    if ratios is None:
        raise SplitError(
            f'"{root / layout.images}" has no train, val or test folder; divide its {len(images)} images with '
            '--ratio 0.7 0.15 0.15 (and --scene), or move them into such folders'
        )
    _refuse_unlabelled(images, labels=root / layout.labels)
    by_stem = {image.stem: image for image in images}
    stems = divide(by_stem, ratios=ratios, seed=seed, scene_pattern=scene)
    return {split: [by_stem[stem] for stem in stems[split]] for split in SPLITS if stems[split]}


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
            f'{len(missing)} of {len(images)} images have no label ({" ".join(LABEL_SUFFIXES)}) in "{labels}", the '
            f'first is {missing[0]}; add the labels or remove the images'
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
