"""Split lists: read and write them, find files by stem, divide names into train, val and test.

``splits/README.md`` describes the formats; ``split_layouts.py`` knows the folders of a data set.
"""

import math
import os
import posixpath
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from mmseg_aux_hrnet.errors import SplitError, counted
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import write_whole

SPLITS = ('train', 'val', 'test')
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')
LABEL_SUFFIXES = ('.png', '.tif', '.tiff', '.bmp')
LARGEST_SUM = 1e9  # of ratios: no number of images times this overflows
TRIALS = 64  # scenes of unequal size may miss the ratio in an unlucky order: the best of some seeded orders is kept

ListForm = Literal['txt', 'lst']


class SplitEntry(NamedTuple):
    """One line of a list: a stem (``.txt``) or a path (``.lst``), the label's path if any, the line counted from 1."""

    image: str
    label: str | None
    line: int


def cut_suffix(name: str, suffixes: Sequence[str]) -> str:
    """Return ``name`` without its suffix where that is one of ``suffixes`` in any case; else unchanged."""
    stem, suffix = posixpath.splitext(name)
    return stem if suffix.lower() in suffixes else name


def read_split(path: str | os.PathLike[str]) -> list[SplitEntry]:
    """Read a list of stems, or of image and label paths where its suffix is ``.lst``.

    Raises:
        SplitError: the list is missing, empty or not UTF-8 text, a line is malformed, an image is listed twice, or
            only some lines have a label.
    """
    path = Path(path)
    form: ListForm = 'lst' if path.suffix.lower() == '.lst' else 'txt'
    entries = []
    for number, text in enumerate(_read_text(path).split('\n'), start=1):  # not splitlines: a name may hold U+2028
        try:
            if text.strip():
                entries.append(SplitEntry(*parse_line(text, form=form), number))
        except ValueError as error:
            raise SplitError(f'split list "{path}" line {number}: {error}') from None
    if not entries:
        raise SplitError(f'split list "{path}" is empty; write it with "python split.py DATA_ROOT --force"')
    first, seen = entries[0], dict[str, int]()
    for entry in entries:
        where, has = f'split list "{path}" line {entry.line}:', 'no' if entry.label is None else 'a'
        if (entry.label is None) != (first.label is None):
            raise SplitError(f'{where} has {has} label, unlike line {first.line}; give every line a label or none')
        # Predictions of a.png and a.jpg would get one name; in a .txt list there is a stem already: a.tif of a.tif.png.
        stem = cut_suffix(entry.image, IMAGE_SUFFIXES) if form == 'lst' else entry.image
        if stem in seen:
            raise SplitError(f'{where} "{stem}" is on line {seen[stem]} too; remove one of them')
        seen[stem] = entry.line
    return entries


def _read_text(path: Path) -> str:
    if path.is_dir():  # asked first: opening a folder is a PermissionError on Windows
        raise SplitError(f'split list "{path}" is a folder; name a list in it, such as train.txt or train.lst')
    try:
        text = path.read_text(encoding='utf-8-sig')  # Notepad puts a byte order mark before the first name
    except FileNotFoundError:
        raise SplitError(f'split list "{path}" does not exist; write it with "python split.py DATA_ROOT"') from None
    except UnicodeDecodeError as error:
        raise SplitError(f'split list "{path}" is not UTF-8 text at byte {error.start}; save it as UTF-8') from None
    except OSError as error:
        raise SplitError(f'split list "{path}" cannot be read ({error.strerror}); check the file') from error
    if '\0' in text:
        raise SplitError(f'split list "{path}" holds zero bytes, so it is UTF-16 or not a text; save it as UTF-8')
    return text


def parse_line(text: str, *, form: ListForm) -> tuple[str, str | None]:
    """Return image (``.txt``: its stem) and label of a line that is not blank.

    Raises:
        ValueError: says what is wrong with the line.
    """
    if form == 'txt':
        return cut_suffix(_relative(text), IMAGE_SUFFIXES), None
    fields = text.split('\t') if '\t' in text else text.split()
    if not fields[-1].strip():  # a tab at the end: one path that has spaces
        fields.pop()
    if len(fields) > 2:
        raise ValueError(f'{len(fields)} paths instead of IMAGE [LABEL]; put a tab after IMAGE if names have spaces')
    paths = [_relative(field) for field in fields]
    return paths[0], paths[1] if len(paths) == 2 else None


def _relative(name: str) -> str:
    """Return a path with ``/`` and without ``.`` parts; ValueError if it would leave the data root."""
    name = name.strip().replace('\\', '/')
    parts = [part for part in name.split('/') if part not in ('', '.')]
    if name.startswith('/') or re.match('[A-Za-z]:/', name):
        raise ValueError(f'"{name}" is an absolute path; write it relative to the data folder')
    if '..' in parts:  # predictions are saved under the same name, so it would write outside of their folder
        raise ValueError(f'"{name}" has a ".." part; list only files below the data folder')
    if not parts:
        raise ValueError('names no file; write an image on each line')
    return '/'.join(parts)


def write_split(path: str | os.PathLike[str], lines: Iterable[str], *, force: bool = False) -> None:
    """Write a list, UTF-8 with LF, whole or not at all; its folder is made where missing.

    Raises:
        ConfigError: the path is a folder.
        OutputExistsError: the file exists and ``force`` is off.
        SplitError: a name is not Unicode, or the list cannot be written.
    """
    write_splits({Path(path): lines}, force=force)


def write_splits(lists: Mapping[Path, Iterable[str]], *, force: bool = False) -> None:
    """Write lists as :func:`write_split` does; where one exists, or its names are not Unicode, none is written.

    Raises:
        ConfigError: a path is a folder.
        OutputExistsError: a list exists and ``force`` is off.
        SplitError: a name is not Unicode, or a list cannot be written.
    """
    for path in lists:
        advice = '--force replaces it, --out writes elsewhere'
        check_file(path, overwrite=force, what=f'split list "{path}"', advice=advice)
    contents: dict[Path, bytes] = {}
    for path, lines in lists.items():
        try:
            contents[path] = ''.join(f'{line}\n' for line in lines).encode('utf-8')
        except UnicodeEncodeError as error:
            fault = f'a file name is not Unicode ({error.reason}); rename the file'
            raise SplitError(f'split list "{path}": {fault}') from None
    for path, content in contents.items():
        try:
            write_whole(path, content)
        except OSError as error:
            reason = f'cannot be written ({error.strerror}); choose another --out'
            raise SplitError(f'split list "{path}" {reason}') from error


def index_by_stem(folder: str | os.PathLike[str], suffixes: Sequence[str]) -> dict[str, list[str]]:
    """Find files below a folder in one walk; hidden files and folders are left out.

    Returns:
        Stem, with its sub-folder and ``/``, to the sorted names of the files that share it; both relative to
        ``folder``. Stems are sorted.

    Raises:
        SplitError: the folder is missing or cannot be read.
    """
    found: dict[str, list[str]] = {}
    for base, folders, files in os.walk(folder, followlinks=True, onerror=_refuse_folder):
        for name in tuple(folders):
            path = os.path.join(base, name)
            # A link to a folder above it, as "ln -s" given twice leaves it, would be followed for ever.
            is_loop = os.path.islink(path) and f'{os.path.realpath(base)}{os.sep}'.startswith(
                f'{os.path.realpath(path)}{os.sep}'
            )
            if name.startswith('.') or is_loop:
                folders.remove(name)
        for file in files:
            stem = cut_suffix(file, suffixes)
            if stem == file or file.startswith('.'):
                continue
            below = os.path.relpath(base, folder).replace(os.sep, '/')
            prefix = '' if below == '.' else f'{below}/'
            found.setdefault(prefix + stem, []).append(prefix + file)
    return {stem: sorted(found[stem]) for stem in sorted(found)}


def _refuse_folder(error: OSError) -> None:
    raise SplitError(f'folder "{error.filename}" cannot be read ({error.strerror}); correct the path') from error


def scene_of(name: str, pattern: str) -> str:
    """Return the scene in a name: what the first group of the pattern matched, or all of it without a group.

    Raises:
        SplitError: the pattern is not a regular expression or finds no scene in the name.
    """
    try:
        found = re.search(pattern, name)
    except (re.error, OverflowError, RecursionError) as error:  # a count too large, brackets too deep
        raise SplitError(f'scene pattern "{pattern}" is not a regular expression ({error}); correct --scene') from None
    scene = found and found.group(1 if found.re.groups else 0)
    if not scene:
        raise SplitError(f'scene pattern "{pattern}" finds no scene in "{name}"; correct --scene to match every image')
    return scene


def divide(
    names: Iterable[str], *, ratios: Sequence[float], seed: int, scene_pattern: str | None = None
) -> dict[str, list[str]]:
    """Divide names into train, val and test, whole scenes at a time, near the ratios counted in names.

    The same names, ratios and seed give the same division on every platform. Without a pattern each name is a scene.
    Each split whose ratio is above 0 gets at least one scene.

    Raises:
        SplitError: a ratio is wrong, the pattern finds no scene, or there are fewer scenes than splits.
    """
    scenes: dict[str, list[str]] = {}
    for name in names:
        scenes.setdefault(scene_of(name, scene_pattern) if scene_pattern is not None else name, []).append(name)
    dealt = deal_scenes({scene: len(names) for scene, names in scenes.items()}, ratios=ratios, seed=seed)
    return {split: sorted(name for scene in dealt.get(split, ()) for name in scenes[scene]) for split in SPLITS}


def deal_scenes(sizes: Mapping[str, int], *, ratios: Sequence[float], seed: int) -> dict[str, list[str]]:
    """Return the scenes of each split with a ratio above 0; each gets at least one, see :func:`divide`.

    Args:
        sizes: number of images of each scene.
        ratios: of train, val and test.
        seed: of the division.

    Raises:
        SplitError: a ratio is wrong, or there are fewer scenes than splits.
    """
    sizes = {scene: sizes[scene] for scene in sorted(sizes)}
    wanted = _wanted_images(ratios, total=sum(sizes.values()))
    if len(sizes) < len(wanted):
        raise SplitError(
            f'{counted(len(sizes), "scene")} cannot fill {len(wanted)} splits ({", ".join(wanted)}); give a '
            'ratio of 0 to val or test, or a --scene that tells more scenes apart'
        )
    rng = random.Random(seed)
    trials = TRIALS if len(set(sizes.values())) > 1 else 1
    deals = (_deal(sizes, wanted=wanted, rng=rng) for _ in range(trials))
    return min(deals, key=lambda deal: deal[0])[1]


def _wanted_images(ratios: Sequence[float], *, total: int) -> dict[str, float]:
    """Return the number of images wanted in each split whose ratio is above 0."""
    proper = len(ratios) == 3 and all(ratio >= 0 for ratio in ratios) and sum(ratios) <= LARGEST_SUM
    if not proper or ratios[0] == 0:
        raise SplitError(
            f'ratio {" ".join(map(str, ratios))} is not allowed; give three numbers for train, val and test, the '
            'first '
            f'above 0, none negative and together at most {LARGEST_SUM:g}, such as 0.7 0.15 0.15'
        )
    whole = math.fsum(ratios)  # sum() rounds differently from Python 3.12 on
    return {split: total * ratio / whole for split, ratio in zip(SPLITS, ratios, strict=True) if ratio > 0}


def _deal(
    sizes: Mapping[str, int], *, wanted: Mapping[str, float], rng: random.Random
) -> tuple[float, dict[str, list[str]]]:
    """Deal scenes in a random order, each to the split that lacks most images; return the total miss too."""
    # Sorting by random() and not shuffle(): only random() is promised to stay the same in all Python versions.
    order = sorted(sizes, key=lambda _: rng.random())
    lacking, dealt = dict(wanted), {split: list[str]() for split in wanted}
    for done, scene in enumerate(order):
        empty = [split for split in wanted if not dealt[split]]
        open_splits = empty if len(order) - done <= len(empty) else list(wanted)
        split = max(open_splits, key=lacking.__getitem__)
        lacking[split] -= sizes[scene]
        dealt[split].append(scene)
    return math.fsum(map(abs, lacking.values())), dealt
