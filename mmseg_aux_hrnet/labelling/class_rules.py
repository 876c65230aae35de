"""Which class each layer, each value of a field or of a label raster is, and which is painted over which."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmseg_aux_hrnet.classes import BACKGROUND, Classes, class_set
from mmseg_aux_hrnet.datasets.label_values import REST, parse_label_values, parse_pairs
from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.labelling.writing import IGNORED

IGNORE = 'ignore'  # in the place of a class: pixels that do not count
SHOWN = 12  # values in a message
EMPTY = '(empty)'


class LabelFile(NamedTuple):
    """A file of labels as the command line names it.

    Attributes:
        path: the file.
        layer: of it; None where it was not named.
        name: of the class; None where it was not named.
    """

    path: Path
    layer: str | None = None
    name: str | None = None


class ClassRules(NamedTuple):
    """What labels mean.

    Attributes:
        classes: of the data set, with a palette.
        painting: classes and ``IGNORED``, the lowest first.
        uncovered: class or ``IGNORED`` of what no polygon covers; None where nobody says.
        of_value: class or ``IGNORED`` of each value of the field or label raster; None where each layer is one class.
        rest: of values that are not among them; None where there must be none.
    """

    classes: Classes
    painting: tuple[int, ...]
    uncovered: int | None = None
    of_value: Mapping[str, int] | None = None
    rest: int | None = None

    def look_up(self, values: Iterable[Any], *, where: str, option: str) -> list[int]:
        """Return the class of each value.

        Args:
            values: text, numbers, or None.
            where: the file and its field, for the message.
            option: that says what they mean.

        Raises:
            DataError: some are not known; lists them with their counts.
        """
        assert self.of_value is not None
        texts = [value_text(value) for value in values]
        self.refuse_unknown(Counter(texts), where=where, option=option)
        rest = IGNORED if self.rest is None else self.rest
        return [self.of_value.get(text, rest) for text in texts]

    def refuse_unknown(self, counts: Counter[str], *, where: str, option: str) -> None:
        """Raise DataError for values that are of no class; lists them with their counts."""
        known = self.of_value or {}
        unknown = Counter({value: count for value, count in counts.items() if value not in known})
        if unknown and self.rest is None:
            shown = [f'{text} ({count}x)' for text, count in unknown.most_common(SHOWN)]
            more = f' and {len(unknown) - SHOWN} more' if len(unknown) > SHOWN else ''
            raise DataError(
                f'{where}: {counted(len(unknown), "value")} of no class: {", ".join(shown)}{more}; name each '
                f'in {option}, or take the rest with "{REST}=CLASS" or "{REST}={IGNORE}"'
            )

    def painting_note(self) -> str:
        """Return in which order classes are painted."""
        names = [IGNORE if index == IGNORED else self.classes.names[index] for index in self.painting]
        return f'where they overlap, later over earlier: {", ".join(names)} (--paint-order)'


def value_text(value: Any) -> str:
    """Return a value of a field as it is written in ``--class-map``, without outer spaces or needless decimals."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return EMPTY
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or EMPTY


def parse_label_file(text: str, names: Sequence[str]) -> LabelFile:
    """Return what ``FILE``, ``FILE:LAYER``, ``CLASS=FILE`` or ``CLASS=FILE:LAYER`` says; existing files come first.

    Raises:
        ConfigError: there is no such file, or no such class.
    """
    name, equals, rest = text.partition('=')
    for said, place in ((None, text), *([(name.strip(), rest)] if equals else [])):
        before, colon, layer = place.rpartition(':')
        found = None
        if Path(place).exists():
            found = LabelFile(Path(place), None, said)
        elif colon and layer and Path(before).exists():
            found = LabelFile(Path(before), layer, said)
        if found is not None:
            if said is not None and said not in (*names, IGNORE):
                raise ConfigError(f'--labels {text}: {said} is not a class: choose from {", ".join(names)}, {IGNORE}')
            return found
    raise ConfigError(f'--labels {text} does not exist: give FILE, FILE:LAYER or CLASS=FILE')


def class_rules(
    *,
    classes: str | None,
    class_map: str | None,
    palette: str | None = None,
    of_interest: str | None = None,
    paint_order: str | None = None,
    unlabelled: str | None = None,
) -> ClassRules:
    """Return what the options of the command line say.

    Args:
        classes: names with commas, in the order of their indices; None for those of ``class_map`` after a background.
        class_map: ``VALUE=CLASS`` with commas; None where each layer is one class.
        palette: ``CLASS=#RRGGBB`` with commas; other classes have the colours of PASCAL VOC.
        of_interest: name of a class.
        paint_order: names with commas, the lowest first; those not named lie below in the order of the classes.
        unlabelled: class of what no polygon covers, or ``ignore``; None for the one called background.

    Raises:
        ConfigError: an option is malformed or names no class.
    """
    pairs = {} if class_map is None else parse_pairs(class_map, option='--class-map')
    if classes is not None:
        names = tuple(name.strip() for name in classes.split(','))
    elif pairs:
        targets = [name for name in pairs.values() if name not in (BACKGROUND, IGNORE)]
        names = (BACKGROUND, *dict.fromkeys(targets))
    else:
        raise ConfigError('no classes: give --classes, such as background,green, or --class-field with --class-map')
    if len(names) != len(set(names)) or not all(names) or IGNORE in names:
        raise ConfigError(f'--classes is {classes!r}: name each class once, and none {IGNORE!r}, which is no class')
    index = {name: place for place, name in enumerate(names)} | {IGNORE: IGNORED}
    unknown = [f'{value}={name}' for value, name in pairs.items() if name not in index]
    if unknown:
        raise ConfigError(
            f'--class-map {", ".join(unknown)}: not among the classes {", ".join(names)} (--classes), nor {IGNORE}'
        )
    meta = {'classes': names, 'palette': _palette(names, palette), 'class_of_interest': of_interest}
    if unlabelled is not None and unlabelled not in index:
        raise ConfigError(f'--unlabelled is {unlabelled!r}: give {IGNORE} or a class of {", ".join(names)}')
    return ClassRules(
        class_set(meta),
        _painting(names, paint_order),
        index.get(unlabelled or BACKGROUND),
        {value: index[name] for value, name in pairs.items() if value != REST} if pairs else None,
        index[pairs[REST]] if REST in pairs else None,
    )


def by_own_names(rules: ClassRules) -> ClassRules:
    """Return rules by which values of a field are the names of the classes themselves."""
    names = {name: index for index, name in enumerate(rules.classes.names)}
    return rules._replace(of_value={**names, IGNORE: IGNORED})


def of_pixel_values(rules: ClassRules, label_values: str | None) -> ClassRules:
    """Return rules for class rasters.

    Args:
        rules: with the classes.
        label_values: ``VALUE=CLASS`` with commas, by name, by index, or ``ignore``; None for values that are the
            indices themselves, and 255 ignored.

    Raises:
        ConfigError: it is malformed or names no class.
    """
    names = rules.classes.names
    if label_values is None:
        return rules._replace(of_value={**{str(place): place for place in range(len(names))}, str(IGNORED): IGNORED})
    values = parse_label_values(label_values, names, rest=True)
    of_value = {str(value): IGNORED if index == IGNORE else int(index) for value, index in values.items()}
    rest = of_value.pop(REST, None)
    return rules._replace(of_value=of_value, rest=rest)


def _painting(names: Sequence[str], text: str | None) -> tuple[int, ...]:
    named = [] if text is None else [name.strip() for name in text.split(',')]
    known = [*names, IGNORE]
    wrong = [name for name in named if name not in known]
    if wrong or len(set(named)) != len(named):
        raise ConfigError(f'--paint-order is {text!r}: name each once, the lowest first, of {", ".join(known)}')
    indices = [IGNORED if name == IGNORE else names.index(name) for name in named]
    before = [index for index in range(len(names)) if index not in indices]
    return (*before, *indices, *([] if IGNORED in indices else [IGNORED]))


def _palette(names: Sequence[str], text: str | None) -> list[list[int]]:
    colours = {name: voc_colour(index) for index, name in enumerate(names)}
    for name, colour in ({} if text is None else parse_pairs(text, option='--palette')).items():
        try:
            parts = list(bytes.fromhex(colour.removeprefix('#')))
        except ValueError:
            parts = []
        if name not in colours or len(parts) != 3:
            raise ConfigError(f'--palette {name}={colour}: give CLASS=#RRGGBB, of {", ".join(names)}')
        colours[name] = parts
    double = [name for name, colour in colours.items() if list(colours.values()).count(colour) > 1]
    if double:  # labels are read by their colours
        raise ConfigError(f'the classes {", ".join(double)} have one colour: give each its own with --palette')
    return list(colours.values())


def voc_colour(index: int) -> list[int]:
    """Return the colour of a class in the palette of PASCAL VOC: black, dark red, dark green, olive, navy, ..."""
    colour = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            colour[channel] |= ((index >> channel) & 1) << (7 - bit)
        index >>= 3
    return colour


def classes_of_layers(layers: Sequence[LabelFile], rules: ClassRules) -> list[int]:
    """Return the class of each layer: as it is named, by its name, or the one class that there is.

    Args:
        layers: each with its layer; files of a single layer count by their own name too.
        rules: what the classes are.

    Raises:
        ConfigError: it is not certain which class a layer is.
    """
    names = rules.classes.names
    index = {name: place for place, name in enumerate(names)} | {IGNORE: IGNORED}
    foreground = [place for place, name in enumerate(names) if name != BACKGROUND and place != rules.uncovered]
    of_file = Counter(each.path for each in layers)
    found: list[int | None] = []
    for each in layers:
        own = each.path.stem if of_file[each.path] == 1 else None
        called = [name for name in (each.name, each.layer, own) if name in index]
        found.append(index[called[0]] if called else None)
    if len(foreground) == 1:
        return [foreground[0] if place is None else place for place in found]
    lost = [f'{each.path}:{each.layer}' for each, place in zip(layers, found, strict=True) if place is None]
    if lost:
        raise ConfigError(
            f'which class is {", ".join(lost)}? Give CLASS=FILE:LAYER of {", ".join(names)}, or --class-field'
        )
    return [place for place in found if place is not None]
