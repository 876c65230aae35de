"""Describes the form of a label file and tells which rules read it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmseg_aux_hrnet.datasets.label_rules import LABEL_FORMATS, LabelRule, label_rule
from mmseg_aux_hrnet.datasets.tiles import DAMAGE, read_label
from mmseg_aux_hrnet.errors import ConfigError, LabelError

MOST_VALUES = 256  # of one label; lossy files have thousands of colours
FORMS = {'1': 'one bit', 'L': 'grey', 'P': 'palette', 'RGB': 'RGB', 'RGBA': 'RGBA'}


class LabelForm(NamedTuple):
    """What a label file holds before any rule.

    Attributes:
        kind: how its pixels are stored, such as ``palette``.
        values: values or colours found, each as text, such as ``1`` or ``1 = (128, 0, 0)``; of more than 256 only that.
    """

    kind: str
    values: tuple[str, ...]


class Decoded(NamedTuple):
    """A label as class indices, uint8 (H, W), and the format that it was read by."""

    classes: NDArray[np.uint8]
    label_format: str


def label_form(path: Path) -> LabelForm | None:
    """Return the form of a label file; None where it cannot be read at all."""
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
            palette = np.array(image.getpalette('RGB') or [], np.uint8).reshape(-1, 3) if image.mode == 'P' else None
            mode = image.mode
    except (*DAMAGE, Image.DecompressionBombError):
        return None
    if pixels.ndim == 2:
        values = (
            np.flatnonzero(np.bincount(pixels.ravel()))
            if pixels.dtype == np.uint8
            else np.unique(pixels)[: MOST_VALUES + 1]
        )
        names = [_with_colour(int(value), palette) for value in values]
    else:
        colours = np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)
        names = [str(tuple(colour)) for colour in colours[: MOST_VALUES + 1].tolist()]
    if len(names) > MOST_VALUES:
        names = [f'more than {MOST_VALUES} values']
    return LabelForm(FORMS.get(mode, mode), tuple(names))


def _with_colour(value: int, palette: NDArray[np.uint8] | None) -> str:
    if palette is None:
        return str(value)
    return f'{value} = {tuple(palette[value].tolist()) if value < len(palette) else "no colour"}'


def read_by_first(path: Path, rules: Sequence[LabelRule]) -> Decoded:
    """Read a label by the first rule that reads it.

    Raises:
        LabelError: none does; says why the first does not.
    """
    errors = []
    for rule in rules:
        try:
            return Decoded(read_label(path, rule), rule.label_format)
        except LabelError as error:
            errors.append(error)
    raise errors[0]


def formats_that_read(path: Path, rule: LabelRule) -> tuple[str, ...]:
    """Return the label formats by which a file is read as classes of ``rule``.

    Where some of them find foreground, those that find none are left out: a mask of 0 and 255 is no index label.
    """
    found: dict[str, bool] = {}
    for label_format in LABEL_FORMATS:
        try:
            other = label_rule(label_format, rule.palette, ignore_index=rule.ignore_index)
            classes = read_label(path, other)
        except (ConfigError, LabelError):
            continue
        found[label_format] = bool(((classes > 0) & (classes < rule.num_classes)).any())
    return tuple(name for name in found if found[name] or not any(found.values()))
