"""How a label file's pixels become class indices: explicit rules, no guess."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import ConfigError, LabelError

if TYPE_CHECKING:
    from mmseg_aux_hrnet.raster.tile import LabelPixels
from mmseg_aux_hrnet.datasets.label_values import LabelValues, checked_values

LabelFormat = Literal['index', 'palette', 'colour', 'binary']
LABEL_FORMATS: tuple[str, ...] = get_args(LabelFormat)
ONE_CHANNEL_MODES = ('L', 'P', '1')
Colour = tuple[int, int, int]


class LabelRule(NamedTuple):
    """The rule of one data set.

    Attributes:
        label_format: ``index``: one-channel file, the value is the class; ``palette``: palette file, the colour that
            an index stands for is the class's; ``colour``: RGB file, the colour is the class's; ``binary``: one-channel
            file of 0 and 255, which stand for classes 0 and 1.
        palette: RGB colour of each class, 0..255.
        ignore_index: value of ignored pixels in ``index`` and ``palette`` files, and in what is decoded.
        label_values: of ``index`` files whose values are not the classes: each value that may occur, with its class, or
            ``ignore_index``; None where values are classes.
    """

    label_format: LabelFormat
    palette: tuple[Colour, ...]
    ignore_index: int = 255
    label_values: tuple[tuple[int, int], ...] | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.palette)

    @property
    def class_of(self) -> dict[int, int]:
        """Class of each value that an ``index`` file may hold, ``ignore_index`` for those that do not count."""
        return dict(self.label_values or [*enumerate(range(self.num_classes)), (self.ignore_index, self.ignore_index)])


def label_rule(
    label_format: str,
    palette: Sequence[Sequence[int]],
    *,
    ignore_index: int = 255,
    label_values: LabelValues | None = None,
) -> LabelRule:
    """Return a checked rule.

    Args:
        label_format: see :class:`LabelRule`.
        palette: RGB colour of each class.
        ignore_index: value of ignored pixels.
        label_values: the class of each value of ``index`` files whose values are not the classes, such as
            ``{0: 'ignore', 1: 0, 2: 1}``: 0 is not labelled, and the classes count from 1. No other value may occur.

    Raises:
        ConfigError: the format is unknown, or does not suit the number of classes or the colours, or ``label_values``
            goes with another format or names what is not a class.
    """
    if label_format not in LABEL_FORMATS:
        raise ConfigError(f'label_format={label_format!r} is unknown: use one of {", ".join(LABEL_FORMATS)}')
    colours = tuple((int(r), int(g), int(b)) for r, g, b in palette)
    if len(colours) > 256 or not all(0 <= value <= 255 for value in (ignore_index, *chain(*colours))):
        raise ConfigError(
            f'{len(colours)} colours with ignore_index={ignore_index} do not fit labels of 8 bits: give '
            'at most 256 colours, and colours and ignore_index from 0 to 255'
        )
    if label_format == 'binary' and len(colours) != 2:
        raise ConfigError(f"label_format='binary' is for 2 classes, not {len(colours)}: use 'index' or 'colour'")
    if label_format in ('palette', 'colour') and len(set(colours)) != len(colours):
        raise ConfigError(f'label_format={label_format!r} needs a colour of its own for each class, got {colours}')
    values = None if label_values is None else checked_values(label_values, len(colours), ignore_index)
    if values is not None and label_format != 'index':
        raise ConfigError(
            f"label_values is for label_format='index', not {label_format!r}: files of that form hold the "
            'classes themselves'
        )
    return LabelRule(label_format, colours, ignore_index, values)  # type: ignore[arg-type]  # checked above


def decode_pixels(pixels: NDArray[Any], mode: str, colours: NDArray[np.uint8], rule: LabelRule) -> NDArray[np.uint8]:
    """Return the classes of pixels, uint8 (H, W).

    Args:
        pixels: of the file, (H, W) or (H, W, bands).
        mode: Pillow's word for their form.
        colours: of the file's palette, (N, 3).
        rule: how they become classes.

    Raises:
        LabelError: the form is not the one that the rule is for, or a value or colour is not a class.
    """
    forms = {'index': ONE_CHANNEL_MODES, 'binary': ('L', '1'), 'palette': ('P',), 'colour': ('RGB',)}
    if mode not in forms[rule.label_format]:
        fitting = {'L': "'index' or 'binary'", 'P': "'palette' or 'index'", '1': "'index'", 'RGB': "'colour'"}
        way_out = (
            f"set the data set's label_format to {fitting[mode]}"
            if mode in fitting
            else 'save it as an 8-bit palette or grey PNG'
        )
        raise LabelError(
            f'pixels are of mode {mode}, but label_format={rule.label_format!r} reads '
            f'{" or ".join(forms[rule.label_format])}: {way_out}'
        )
    if rule.label_format == 'colour':
        return decode_colour(pixels, rule)
    if mode == 'P':
        return (decode_palette if rule.label_format == 'palette' else decode_indices)(pixels, colours, rule)
    if mode == '1' and rule.label_values is None:  # one bit a pixel has no other reading than classes 0 and 1
        return pixels.astype(np.uint8)
    return decode_grey(pixels.astype(np.uint8, copy=False), rule)


def decode_placed(label: 'LabelPixels', rule: LabelRule) -> NDArray[np.uint8]:
    """Return the classes of a georeferenced label, uint8 (H, W), ignored where it has no data.

    Raises:
        LabelError: as :func:`decode_pixels`; or what stands for no data is a class.
    """
    values, mode, colours, valid, nodata = label
    if valid.all():
        return decode_pixels(values, mode, colours, rule)
    if nodata in range(256) and (values[~valid] == nodata).any():
        meaning = rule.ignore_index
        with suppress(LabelError):  # it stands for nothing else, as it should
            meaning = decode_pixels(np.full_like(values[:1, :1], nodata), mode, colours, rule).item()
        if meaning != rule.ignore_index:
            raise LabelError(
                f'value {nodata:g} is no data, and class {meaning} too: if it is the class, run '
                'gdal_edit.py -unsetnodata'
            )
    classes = np.full(valid.shape, rule.ignore_index, np.uint8)
    if valid.any():
        # What stands for no data need not be a value of the rule: another pixel takes its place.
        filled = np.where(valid if values.ndim == 2 else valid[..., None], values, values[valid][0])
        classes[valid] = decode_pixels(filled, mode, colours, rule)[valid]
    return classes


def decode_grey(values: NDArray[np.uint8], rule: LabelRule) -> NDArray[np.uint8]:
    """Return the classes of grey values, uint8 (H, W): of a mask of 0 and 255 by a binary rule, else indices.

    Raises:
        LabelError: a value is neither a class nor ignored; names it and its position.
    """
    table = np.full(256, -1, np.int16)  # -1: no class
    if rule.label_format == 'binary':
        table[[0, 255]] = [0, 1]
        allowed, hint = '0 and 255', "label_format='index' reads class indices"
    else:
        table[[*rule.class_of]] = [*rule.class_of.values()]
        allowed = f'0..{rule.num_classes - 1} and {rule.ignore_index}'
        hint = "label_format='binary' reads 0 and 255" if rule.num_classes == 2 else "label_format='colour' reads RGB"
        hint += ', and label_values gives other values a class'
        if rule.label_values is not None:
            allowed, hint = ', '.join(map(str, rule.class_of)), 'give the others a class or ignore in label_values'
    return _look_up(values, table, describe='value {}'.format, allowed=allowed, hint=hint)


def decode_indices(values: NDArray[np.uint8], colours: NDArray[np.uint8], rule: LabelRule) -> NDArray[np.uint8]:
    """Return classes of palette indices by an index rule, uint8 (H, W).

    Programs that make PNG files smaller turn greys into palettes, in any order (oxipng #426, lvgl #7208). So where the
    colours of a file are greys that are classes, the grey counts. Where they are other greys, which do not rise from
    black, or the colours of the rule under other indices, it is not known which of the two is meant.

    Args:
        values: of the file, (H, W).
        colours: of the file's palette, (N, 3).
        rule: of format ``index``.

    Raises:
        LabelError: index and colour contradict each other, or an index is not a class.
    """
    class_of = rule.class_of
    labelled = {value: index for value, index in class_of.items() if index < rule.num_classes}
    first = colours[: max(labelled) + 1]
    grey = bool((colours == colours[:, :1]).all())
    fits = all(tuple(first[value]) == rule.palette[labelled[value]] for value in labelled if value < len(first))
    if not len(colours) or (fits and not grey):
        return decode_grey(values, rule)
    used = np.flatnonzero(np.bincount(values.ravel(), minlength=len(colours)))
    used = used[used < len(colours)]
    if not grey and len(set(rule.palette)) == rule.num_classes:
        known = {colour: index for index, colour in enumerate(rule.palette)}
        named = [known.get(tuple(colour), -1) for colour in colours[used].tolist()]
        if -1 not in named and named != [class_of.get(value, -1) for value in used.tolist()]:
            raise LabelError(
                f'its palette gives the indices {used.tolist()} the colours of the classes {named}, so a program may '
                "have changed the indices: label_format='palette' reads the colours"
            )
    elif grey:
        shades = colours[used, 0]
        if np.isin(shades, [*class_of]).all() and np.isin(shades, [*{*labelled} - {0}]).any():
            table = np.arange(256, dtype=np.uint8)
            table[used] = shades
            return decode_grey(table[values], rule)
        if not fits and (colours[0, 0] > 0 or (np.diff(first[:, 0].astype(np.int16)) <= 0).any()):
            raise LabelError(
                f'its palette gives the indices {used.tolist()} the greys {shades.tolist()}, so a program may have '
                'changed the indices: save it as an 8-bit grey PNG of classes'
            )
    return decode_grey(values, rule)


def decode_palette(values: NDArray[np.uint8], colours: NDArray[np.uint8], rule: LabelRule) -> NDArray[np.uint8]:
    """Return classes of palette indices, uint8 (H, W), through the file's own colours, uint8 (N, 3).

    Raises:
        LabelError: a used index has a colour of no class; names it and its position.
    """
    return _look_up(
        values,
        _palette_table(colours.tobytes(), rule),
        describe=lambda i: f'palette index {i} {tuple(colours[i].tolist()) if i < len(colours) else "without colour"}',
        allowed=f'{", ".join(map(str, rule.palette))} and index {rule.ignore_index} (ignored)',
        hint="label_format='index' takes indices as they are",
    )


@lru_cache(maxsize=64)  # the files of a data set have one palette, or few
def _palette_table(colours: bytes, rule: LabelRule) -> NDArray[np.int16]:
    """Return the class of each palette index, -1 where there is none; ``colours`` are red, green, blue in turns."""
    table = np.full(256, -1, np.int16)
    known = {bytes(colour): index for index, colour in enumerate(rule.palette)}
    # By colour: programs that save a palette sort its colours as they like, and the indices with them.
    for index in range(len(colours) // 3):
        table[index] = known.get(colours[3 * index : 3 * index + 3], -1)
    table[rule.ignore_index] = rule.ignore_index
    return table


def decode_colour(pixels: NDArray[np.uint8], rule: LabelRule) -> NDArray[np.uint8]:
    """Return classes of RGB pixels, uint8 (H, W, 3), as uint8 (H, W).

    Raises:
        LabelError: a colour of no class is there; names it and its position.
    """
    codes = _code(pixels)
    classes = np.full(codes.shape, -1, np.int16)
    for index, colour in enumerate(rule.palette):
        classes[codes == _code(np.array(colour, np.uint8))] = index
    _check(
        classes < 0,
        describe=lambda at: f'colour {tuple(pixels[at].tolist())}',
        allowed=', '.join(map(str, rule.palette)),
        hint="set the data set's palette, or save labels without lossy compression or smoothing",
    )
    return classes.astype(np.uint8)


def _code(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return one number a colour: comparing one is several times faster than comparing three."""
    channels = pixels.astype(np.int32)
    return (channels[..., 0] << 16) | (channels[..., 1] << 8) | channels[..., 2]


def _look_up(
    values: NDArray[np.uint8], table: NDArray[np.int16], *, describe: Callable[[int], str], allowed: str, hint: str
) -> NDArray[np.uint8]:
    """Return what ``table`` has for ``values``, after checking that it has something for each; -1 is nothing."""
    used = table[: int(values.max(initial=0)) + 1]
    if np.array_equal(used, np.arange(len(used))):  # so of most labels, and a maximum is found many times faster
        return np.array(values)
    # A byte that is not a class of this table has no meaning: there is one if the table has gaps.
    nothing = min({*range(256)}.difference(table.tolist()), default=0)
    # Tables of bytes are looked up several times faster by OpenCV than any table by numpy.
    classes: NDArray[Any] = cv2.LUT(values, np.where(table < 0, nothing, table).astype(np.uint8))
    if (used < 0).any():
        _check(classes == nothing, describe=lambda at: describe(int(values[at])), allowed=allowed, hint=hint)
    return classes


def _check(wrong: NDArray[np.bool_], *, describe: Callable[[tuple[int, int]], str], allowed: str, hint: str) -> None:
    """Raise LabelError for the first pixel that is wrong, (H, W); ``describe`` says what is at a (row, column)."""
    if wrong.any():
        row, column = (int(index) for index in np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise LabelError(
            f'{describe((row, column))} at (row, column) {(row, column)} is not a class: allowed are {allowed}; {hint}'
        )
