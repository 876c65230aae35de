"""The meaning of the values of a class map, and how its GeoTIFF stores it."""

import json
from collections.abc import Mapping, Sequence

from mmseg_aux_hrnet.classes import Classes, Colour
from mmseg_aux_hrnet.errors import ConfigError, counted
from mmseg_aux_hrnet.raster.dataset import CLASSES_TAG

NODATA = 255  # of class maps, and no class in any: so a map has 255 classes at most
INTEREST_TAG = 'CLASS_OF_INTEREST'


def legend_tags(classes: Classes) -> dict[str, str]:
    """Return the tags of a GeoTIFF that hold the names; the colours are its colour table."""
    tags = {CLASSES_TAG: json.dumps(list(classes.names))}
    return tags if classes.name_of_interest is None else {**tags, INTEREST_TAG: classes.name_of_interest}


def main_class(legend: Classes) -> int:
    """Return the class that is shown where only one can be: that of interest, else the first but the background."""
    if legend.of_interest is not None:
        return legend.of_interest
    return next((value for value in range(len(legend.names)) if value != legend.background), 0)


def read_legend(
    tags: Mapping[str, str], colour_table: Mapping[int, Sequence[int]] | None, *, classes: Sequence[str] | None = None
) -> Classes:
    """Return the legend of a class map: its classes in the order of their values 0, 1, 2, ..., at most 255.

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
            f'--classes gives {counted(len(classes), "name")}, but the map has {counted(len(tagged), "class")} '
            f'({", ".join(tagged)})'
        )
    names = tuple(classes or tagged or ())
    interest = tags.get(INTEREST_TAG)
    of_interest = names.index(interest) if interest in names else None
    palette: tuple[Colour, ...] | None = None
    # A table without a colour for each class is one that another program has made: it says nothing of the classes.
    if colour_table is not None and all(value in colour_table for value in range(len(names))):
        entries = [colour_table[value] for value in range(len(names))]
        palette = tuple((int(red), int(green), int(blue)) for red, green, blue, *_ in entries)
    return Classes(names, palette, of_interest)


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
