"""Class maps as files of class indices, such as tools/test.py --out writes: found, read and counted."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.label_rules import LabelRule
from mmseg_aux_hrnet.datasets.tiles import read_label, refuse_masks_as_index
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError

SUFFIXES = ('.png', '.tif', '.tiff', '.bmp')
OUTSIDE = 255  # pixels that belong to no class and to no area

OnMap = Callable[[int], None]


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the names of a comma-separated list, in the order of the indices 0, 1, ...

    Raises:
        ConfigError: fewer than two names, more than 255, an empty one, or one twice.
    """
    names = tuple(name.strip() for name in text.split(','))
    if not 2 <= len(names) <= OUTSIDE or '' in names or len(set(names)) != len(names):
        raise ConfigError(
            f'--classes {text!r}: name each class of the map once, separated by commas, in the order of their indices, '
            'such as background,green'
        )
    return names


def find_maps(path: str | Path) -> list[Path]:
    """Return the map file, or all of a folder and the folders in it, sorted by name.

    Raises:
        DataError: there is no such file or folder, or no map in it.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f'{path} does not exist: give a class map or a folder of them')
    # Sorted, because the same seed must draw the same points wherever the folder is listed.
    maps = sorted(file for file in path.rglob('*') if file.suffix.lower() in SUFFIXES and file.is_file())
    if not maps:
        raise DataError(
            f'{path} holds no class map: give a file or a folder of {", ".join(SUFFIXES)} with class indices, such as '
            'tools/test.py --out writes'
        )
    return maps


def read_map(path: Path, *, classes: Sequence[str]) -> NDArray[np.uint8]:
    """Return the class of every pixel, uint8 (H, W), 255 where there is none.

    Raises:
        LabelError: the file is missing, damaged, no 8-bit index map, or has another value.
    """
    try:
        return read_label(path, _rule(classes))
    except LabelError as error:
        raise LabelError(f'{error}; maps must hold class indices here, and --classes a name for each') from error


def count_pixels(maps: Sequence[Path], *, classes: Sequence[str], on_map: OnMap) -> NDArray[np.int64]:
    """Return the pixels of every class on every map, int64 (maps, C).

    Args:
        maps: the files.
        classes: names of the C classes.
        on_map: is told how many maps are done.

    Raises:
        DataError: no pixel of any map has a class.
        LabelError: a map cannot be read, or all look like masks of 0 and 255.
    """
    counts = np.zeros((len(maps), len(classes)), np.int64)
    for index, path in enumerate(maps):
        values = np.bincount(read_map(path, classes=classes).ravel(), minlength=OUTSIDE + 1)
        counts[index] = values[: len(classes)]
        on_map(index + 1)
    # After all maps are read: a single one of 0 and 255 may well be a map of class 0 with a border outside.
    refuse_masks_as_index([str(path) for path in maps], _rule(classes))
    if not counts.any():
        raise DataError(f'{maps[0]} and the other maps hold no pixel of a class, only {OUTSIDE}: nothing has an area')
    return counts


def _rule(classes: Sequence[str]) -> LabelRule:
    # Only the number of colours counts: a rule for indices does not look at them.
    return LabelRule('index', palette=((0, 0, 0),) * len(classes), ignore_index=OUTSIDE)
