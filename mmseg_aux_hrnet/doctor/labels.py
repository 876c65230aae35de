"""Describes the form of a label file and tells which rules read it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.datasets.georeference import is_for_gdal
from mmseg_aux_hrnet.datasets.label_rules import LABEL_FORMATS, LabelRule, label_rule
from mmseg_aux_hrnet.datasets.tiles import DAMAGE, read_label
from mmseg_aux_hrnet.errors import ConfigError, DataError, LabelError

if TYPE_CHECKING:
    from mmseg_aux_hrnet.raster.place import Turn

MOST_VALUES = 256  # of one label; lossy files have thousands of colours
MODE_NAMES = {'1': 'one bit', 'L': 'grey', 'P': 'palette', 'RGB': 'RGB', 'RGBA': 'RGBA'}


def label_form(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return what a label file holds before any rule.

    Returns:
        The kind of its pixels, such as ``palette``, and the values or colours in it, each as text, such as ``1`` or
        ``1 = (128, 0, 0)``; of more than 256 only that. Both are empty where the file cannot be read at all.
    """
    try:
        if is_for_gdal(path):
            from mmseg_aux_hrnet.raster.tile import read_label_pixels  # late: the extra ``geo`` may be missing

            pixels, mode, colours, *_ = read_label_pixels(path)
        else:
            with Image.open(path) as image:
                pixels, mode = np.asarray(image), image.mode
                colours = np.array(image.getpalette('RGB') or [], np.uint8).reshape(-1, 3)
        palette = colours if mode == 'P' else None
    except (*DAMAGE, DataError, Image.DecompressionBombError):
        return '', ()
    if pixels.ndim == 3:
        found = np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)
        names = [str(tuple(colour)) for colour in found[: MOST_VALUES + 1].tolist()]
    elif pixels.dtype == np.uint8:
        levels = np.flatnonzero(np.bincount(pixels.ravel())).tolist()  # many times faster than np.unique
        names = [str(level) for level in levels]
        if palette is not None:
            colours_of = [tuple(palette[level].tolist()) if level < len(palette) else 'no colour' for level in levels]
            names = [f'{level} = {colour}' for level, colour in zip(levels, colours_of, strict=True)]
    else:
        names = [str(int(value)) for value in np.unique(pixels)[: MOST_VALUES + 1]]
    if len(names) > MOST_VALUES:
        names = [f'more than {MOST_VALUES} values']
    return MODE_NAMES.get(mode, mode), tuple(names)


def read_by_first(
    path: Path, rules: Sequence[LabelRule], *, turn: 'Turn | None' = None
) -> tuple[NDArray[np.uint8], str]:
    """Read a label by the first rule that reads it.

    Args:
        path: the label.
        rules: how its pixels may become classes.
        turn: what lays the label on its image.

    Returns:
        Class indices, uint8 (H, W), and the format that the label was read by.

    Raises:
        LabelError: none does; says why the first does not.
    """
    errors = []
    for rule in rules:
        try:
            classes = read_label(path, rule)
            return classes if turn is None else turn(classes), rule.label_format
        except LabelError as error:
            errors.append(error)
    raise errors[0]


def formats_that_read(path: Path, rule: LabelRule) -> tuple[str, ...]:
    """Return the label formats that read a file as classes of ``rule``.

    Where some of them find foreground, those that find none are left out: a mask of 0 and 255 is not an index label.
    """
    foreground: dict[str, bool] = {}
    for label_format in LABEL_FORMATS:
        try:
            values = dict(rule.label_values) if rule.label_values and label_format == 'index' else None
            other = label_rule(label_format, rule.palette, ignore_index=rule.ignore_index, label_values=values)
            classes = read_label(path, other)
        except (ConfigError, LabelError):  # ConfigError: no such rule for these classes, such as binary for three
            continue
        foreground[label_format] = bool(((classes > 0) & (classes < rule.num_classes)).any())
    return tuple(name for name in foreground if foreground[name] or not any(foreground.values()))
