"""The classes that an evaluation is about: names, colours, and the one of interest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class ClassSet:
    """Classes in the order of their indices.

    Attributes:
        names: one name per class.
        palette: RGB colour of each class, 0..255; None where the data set gives none.
        of_interest: name of the class that tables mark, None where no class stands out.
    """

    names: tuple[str, ...]
    palette: tuple[Colour, ...] | None
    of_interest: str | None


def class_set(meta: Mapping[str, Any], *, of_interest: str | None = None) -> ClassSet:
    """Return the classes of a data set.

    Args:
        meta: its metainfo, with ``classes``, and ``palette`` and ``class_of_interest`` where it has them.
        of_interest: name of the class of interest; the metainfo's where None, else the last of two classes, else none.

    Raises:
        ConfigError: names are missing or double, colours are not one per class, or the class of interest is unknown.
    """
    names = tuple(str(name) for name in meta.get('classes') or ())
    if not names or not all(names) or len(set(names)) != len(names):
        raise ConfigError(f'data set with classes {names}: its metainfo must name each class once')
    chosen = of_interest or meta.get('class_of_interest')
    if chosen is not None and chosen not in names:
        raise ConfigError(f'class_of_interest {chosen!r} is no class of the data set: choose from {", ".join(names)}')
    if chosen is None and len(names) == 2:
        chosen = names[-1]
    return ClassSet(names, _palette(meta.get('palette'), len(names)), chosen)


def _palette(given: Any, count: int) -> tuple[Colour, ...] | None:
    if not given:
        return None
    if len(given) != count or any(len(colour) != 3 for colour in given):
        raise ConfigError(f'palette of {len(given)} colours for {count} classes: give one colour (R, G, B) per class')
    return tuple((int(r), int(g), int(b)) for r, g, b in given)
