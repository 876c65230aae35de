"""Folder layouts of the two data sets: which images belong to which split, and the lines of their lists."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.datasets.splits import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    SPLITS,
    Form,
    cut_suffix,
    divide,
    encode_lines,
    index_by_stem,
    parse_line,
    refuse_existing,
    scene_of,
    write_split,
)
from mmseg_aux_hrnet.errors import SplitError


class Layout(NamedTuple):
    """Folders below a data root (images, labels, lists) and the form of its lists."""

    images: str
    labels: str
    lists: str
    form: Form


LAYOUTS = {
    'singlegreen': Layout(images='rawdata', labels='labeldata', lists='splits', form='txt'),
    'urbanisation': Layout(images='x', labels='y', lists='list', form='lst'),
}


class Division(NamedTuple):
    """How to divide a folder: ratios of train, val, test (None: it is divided already), seed, scene pattern."""

    ratios: tuple[float, float, float] | None = None
    seed: int = 0
    scene: str | None = None


class Pair(NamedTuple):
    """An image and its label, relative to the data root; ``name`` is the image relative to the folder listed."""

    name: str
    image: str
    label: str | None

    @property
    def stem(self) -> str:
        """The name without its suffix, the same for image and label."""
        return cut_suffix(self.name, IMAGE_SUFFIXES)


class SplitList(NamedTuple):
    """A list to write; the number of scenes is known only with a scene pattern."""

    lines: list[str]
    scenes: int | None


class Plan(NamedTuple):
    """Lists by file name, and the images outside train, val and test, which no list names."""

    lists: dict[str, SplitList]
    left_out: list[str]


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


def plan_lists(root: Path, *, layout: Layout, division: Division, form: Form, test_images_only: bool = False) -> Plan:
    """Work out every list of a data root without writing anything.

    A tree with train, val or test folders is listed as it is; an image folder without them is divided. The stems of a
    ``.txt`` list are relative to the folder of their split in the first case and to the image folder in the second;
    the paths of a ``.lst`` list are relative to the data root.

    Raises:
        SplitError: no images, an image without its label, ambiguous stems, one scene in two splits, or ratios that
            are missing or not needed.
    """
    if test_images_only and form == 'txt':
        raise SplitError('--test-images-only has no effect on .txt lists, which never name labels; leave it out')
    present = [split for split in SPLITS if (root / layout.images / split).is_dir()]
    if present:
        pairs, left_out = _read_tree(root, layout=layout, present=present, division=division)
    else:
        pairs, left_out = _divide_folder(root, layout=layout, division=division), []
    _refuse_leaks(pairs, pattern=division.scene)
    if test_images_only and 'test' in pairs:
        pairs['test'] = [pair._replace(label=None) for pair in pairs['test']]
    if form == 'lst' and 'train' in pairs and 'val' in pairs:
        pairs['trainval'] = pairs['train'] + pairs['val']
    lists = {f'{split}.{form}': _list_of(pairs[split], form=form, pattern=division.scene) for split in pairs}
    return Plan(lists, left_out)


def _read_tree(
    root: Path, *, layout: Layout, present: list[str], division: Division
) -> tuple[dict[str, list[Pair]], list[str]]:
    """Pair the files of each split folder; return also the stems of images outside of them."""
    image_dir = root / layout.images
    if division.ratios is not None:
        raise SplitError(f'"{image_dir}" is divided already ({", ".join(present)}); leave out --ratio')
    pairs = {
        split: _pair_files(root, images=f'{layout.images}/{split}', labels=f'{layout.labels}/{split}')
        for split in present
    }
    for split in present:
        may_lack = split == 'test' and all(pair.label is None for pair in pairs[split])
        if not may_lack:
            _refuse_unlabelled(pairs[split], labels=root / layout.labels / split)
    stems = index_by_stem(image_dir, IMAGE_SUFFIXES)
    return pairs, [stem for stem in stems if stem.split('/')[0] not in present or '/' not in stem]


def _divide_folder(root: Path, *, layout: Layout, division: Division) -> dict[str, list[Pair]]:
    pairs = _pair_files(root, images=layout.images, labels=layout.labels)
    if division.ratios is None:
        raise SplitError(
            f'"{root / layout.images}" has no train, val or test folder; divide its {len(pairs)} images with '
            '--ratio 0.7 0.15 0.15 (and --scene), or move them into such folders'
        )
    _refuse_unlabelled(pairs, labels=root / layout.labels)
    by_stem = {pair.stem: pair for pair in pairs}
    stems = divide(by_stem, ratios=division.ratios, seed=division.seed, scene_pattern=division.scene)
    return {split: [by_stem[stem] for stem in stems[split]] for split in SPLITS if stems[split]}


def _pair_files(root: Path, *, images: str, labels: str) -> list[Pair]:
    """Pair images and labels of two folders, named relative to the root, by their stems."""
    image_files = index_by_stem(root / images, IMAGE_SUFFIXES)
    if not image_files:
        raise SplitError(f'folder "{root / images}" holds no image ({" ".join(IMAGE_SUFFIXES)}); add some or remove it')
    label_files = index_by_stem(root / labels, LABEL_SUFFIXES) if (root / labels).is_dir() else {}
    pairs = []
    for stem, names in image_files.items():
        image = _only(names, folder=root / images)
        label = _only(label_files[stem], folder=root / labels) if stem in label_files else None
        pairs.append(Pair(image, f'{images}/{image}', None if label is None else f'{labels}/{label}'))
    return pairs


def _only(names: list[str], *, folder: Path) -> str:
    if len(names) > 1:
        raise SplitError(
            f'folder "{folder}" holds {" and ".join(names)}, one stem for different files; keep one of them'
        )
    return names[0]


def _refuse_unlabelled(pairs: list[Pair], *, labels: Path) -> None:
    missing = [pair.image for pair in pairs if pair.label is None]
    if missing:
        raise SplitError(
            f'{len(missing)} of {len(pairs)} images have no label ({" ".join(LABEL_SUFFIXES)}) in "{labels}", the '
            f'first is {missing[0]}; add the labels or remove the images'
        )


def _refuse_leaks(pairs: Mapping[str, list[Pair]], *, pattern: str | None) -> None:
    """Raise where a scene is in two splits; without a pattern scenes are not known."""
    if pattern is None:
        return
    split_of: dict[str, str] = {}
    for split in pairs:
        for scene in sorted({scene_of(pair.stem, pattern) for pair in pairs[split]}):
            if scene in split_of:
                raise SplitError(
                    f'scene "{scene}" is in {split_of[scene]} and in {split}; move its images into one split, or leave '
                    'out --scene to list them so'
                )
            split_of[scene] = split


def _list_of(pairs: list[Pair], *, form: Form, pattern: str | None) -> SplitList:
    lines = [
        format_line(pair.name, form=form) if form == 'txt' else format_line(pair.image, pair.label, form=form)
        for pair in pairs
    ]
    return SplitList(lines, None if pattern is None else len({scene_of(pair.stem, pattern) for pair in pairs}))


def format_line(image: str, label: str | None = None, *, form: Form) -> str:
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
        if _reads_as(line, wanted, form=form):
            return line
    raise SplitError(
        f'{" ".join(filter(None, wanted))!r} cannot be written in a .{form} list because of a backslash, tab, line '
        'break or outer space; rename the file'
    )


def _reads_as(line: str, wanted: tuple[str, str | None], *, form: Form) -> bool:
    try:
        return not re.search(r'[\r\n]|^\ufeff', line) and parse_line(line, form=form) == wanted
    except ValueError:
        return False


def write_lists(folder: Path, lists: Mapping[str, SplitList], *, force: bool) -> None:
    """Write lists into a folder; where one exists and ``force`` is off, none is written.

    Raises:
        OutputExistsError: a list exists.
        SplitError: a list cannot be written.
    """
    refuse_existing((folder / name for name in lists), force=force)
    for name, split_list in lists.items():
        encode_lines(split_list.lines, path=folder / name)  # all of them before the first is written
    for name, split_list in lists.items():
        write_split(folder / name, split_list.lines, force=force)
