"""What the values of a class map stand for, and how its GeoTIFF says so."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mmseg_aux_hrnet.errors import ConfigError

NODATA = 255  # of class maps, and no class in any: so a map has 255 classes at most
CLASSES_TAG = 'CLASS_NAMES'
INTEREST_TAG = 'CLASS_OF_INTEREST'
RUN_TAG = 'RUN_SHA256'  # of maps of classes and of probabilities: everything that their bytes depend on
Colour = tuple[int, int, int]
# The reference data sets mark green dark red and buildings white in their label files. In maps, which lie over images,
# they are bluish green and vermilion of Okabe and Ito (Color Universal Design, 2008).
OF_LABELS: dict[tuple[str, Colour], Colour] = {
    ('green', (128, 0, 0)): (0, 158, 115),
    ('building', (255, 255, 255)): (213, 94, 0),
}


class Legend(NamedTuple):
    """Names and colours of the classes of a map, in the order of their values 0, 1, 2, ...

    Attributes:
        names: one for each class, at most 255.
        colours: red, green, blue of each, 0..255; None where nobody says.
        of_interest: the class that the map was made for; None where nobody says.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...] | None
    of_interest: str | None

    def tags(self) -> dict[str, str]:
        """Return the tags of a GeoTIFF that hold the names; the colours are its colour table."""
        tags = {CLASSES_TAG: json.dumps(list(self.names))}
        return tags if self.of_interest is None else {**tags, INTEREST_TAG: self.of_interest}


def map_colours(names: Sequence[str], palette: Sequence[Sequence[int]] | None) -> tuple[Colour, ...] | None:
    """Return the colours of classes in a map: those of their labels, 0..255, but for two that are hard to look at."""
    if palette is None:
        return None
    colours: list[Colour] = [(red, green, blue) for red, green, blue in palette]
    return tuple(OF_LABELS.get((name, colour), colour) for name, colour in zip(names, colours, strict=True))


def is_map(tags: Mapping[str, str]) -> bool:
    """Return whether a GeoTIFF with these tags was predicted here, classes or probabilities."""
    return CLASSES_TAG in tags or RUN_TAG in tags


def read_legend(
    tags: Mapping[str, str], colour_table: Mapping[int, Sequence[int]] | None, *, classes: Sequence[str] | None = None
) -> Legend:
    """Return the legend of a class map.

    Args:
        tags: those of the GeoTIFF.
        colour_table: of its band, value to red, green, blue (and alpha); None where it has none.
        classes: names that the command line gives; None for those of the tags.

    Raises:
        ConfigError: neither says the names, the tag is damaged, or the names are of another number than those given.
    """
    tagged = _tagged_names(tags)
    if tagged is None and not classes:
        raise ConfigError('the map does not say what its values stand for: give --classes NAME,NAME,...')
    if tagged is not None and classes and len(classes) != len(tagged):
        raise ConfigError(
            f'--classes gives {len(classes)} names, but the map has {len(tagged)} classes ({", ".join(tagged)})'
        )
    names = tuple(classes or tagged or ())
    interest = tags.get(INTEREST_TAG)
    return Legend(names, _colours(colour_table, count=len(names)), interest if interest in names else None)


def _tagged_names(tags: Mapping[str, str]) -> tuple[str, ...] | None:
    text = tags.get(CLASSES_TAG)
    if text is None:
        return None
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f'the tag {CLASSES_TAG} of the map is damaged ({text[:40]!r}): give --classes NAME,NAME,...')
    return tuple(names)


def _colours(table: Mapping[int, Sequence[int]] | None, *, count: int) -> tuple[Colour, ...] | None:
    if table is None or any(value not in table for value in range(count)):
        return None
    return tuple((int(table[value][0]), int(table[value][1]), int(table[value][2])) for value in range(count))
