"""Values of label files that are not the classes: what each stands for, in a config and on a command line."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError

REST = '*'  # in the place of a value: all that are not named
IGNORED = 'ignore'  # in label_values, where an index would stand
LabelValues = Mapping[Any, Any]  # value of the file, also as text, to its class, IGNORED or None


def parse_pairs(text: str, *, option: str) -> dict[str, str]:
    """Return what ``NAME=VALUE,NAME=VALUE`` says; a pair with a comma in it stands in double quotes.

    Raises:
        ConfigError: a pair has no ``=``, an empty side, or a name is there twice.
    """
    parts = next(csv.reader([text], skipinitialspace=True), []) or ['']
    pairs: dict[str, str] = {}
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.rpartition('='))
        if not (equals and name and value) or name in pairs:
            raise ConfigError(f'{option} is {text!r}, and {part!r} in it is not NAME=VALUE, each name once')
        pairs[name] = value
    return pairs


def parse_label_values(text: str, names: Sequence[str] = (), *, rest: bool = False) -> dict[int | str, int | str]:
    """Return what ``--label-values`` says, such as ``0=ignore,1=green,2=1``: the class of each value, or ``ignore``.

    Args:
        text: of the command line.
        names: of the classes, which may stand for their indices; none where they are not known yet.
        rest: whether ``*`` may stand for the values that are not named.

    Raises:
        ConfigError: a part is malformed, names no class, or a value is there twice.
    """
    pairs = parse_pairs(text, option='--label-values')
    known = {str(place): place for place in range(len(names))} | {name: place for place, name in enumerate(names)}
    values: dict[int | str, int | str] = {}
    for value, name in pairs.items():
        key = value if rest and value == REST else _whole(value)
        index = IGNORED if name == IGNORED else known.get(name) if names else _whole(name)
        if key is None or index is None or key in values:
            classes = f'one of {", ".join(names)}, its index' if names else 'the index of a class'
            raise ConfigError(
                f'--label-values {value}={name}: give each value once, with {classes} or {IGNORED}, such as '
                f'0={IGNORED},1={names[0] if names else 0}'
            )
        values[key] = index
    return values


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def checked_values(given: LabelValues, classes: int, ignore_index: int) -> tuple[tuple[int, int], ...]:
    """Return each value with its class, in the order of the values."""
    try:
        values = {
            int(value): ignore_index if index in (None, IGNORED) else int(index) for value, index in given.items()
        }
    except (AttributeError, TypeError, ValueError):
        values = {}
    labelled = {index for index in values.values() if index != ignore_index}
    if not labelled <= {*range(classes)} or not labelled or not all(0 <= value <= 255 for value in values):
        raise ConfigError(
            f'label_values={given!r}: give each value 0..255 of the files a class 0..{classes - 1} or {IGNORED!r}, '
            "such as {0: 'ignore', 1: 0, 2: 1}"
        )
    return tuple(sorted(values.items()))
