"""The classes of data sets, models and maps: names, colours, and the one of interest."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, counted

Colour = tuple[int, int, int]
Side = Literal['file', 'config']

BACKGROUND = 'background'
DEPTH = 12  # levels of a checkpoint's meta; what a file holds can contain itself
# The reference data sets mark green dark red and buildings white in their label files. In maps, which lie over images,
# they are bluish green and vermilion of Okabe and Ito (Color Universal Design, 2008).
OF_LABELS: dict[tuple[str, Colour], Colour] = {
    ('green', (128, 0, 0)): (0, 158, 115),
    ('building', (255, 255, 255)): (213, 94, 0),
}

# Okabe and Ito (Color Universal Design, 2008), for maps without a colour table; grey for what comes first
PALETTE: tuple[Colour, ...] = (
    (150, 150, 150), (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0),
    (240, 228, 66),
)  # fmt: skip


@dataclass(frozen=True)
class Classes:
    """Classes in the order of their indices.

    Attributes:
        names: one name per class, at least one.
        palette: RGB colour of each class, 0..255; None if they are not given.
        of_interest: index of the class that tables mark and pictures show errors of; None where no class stands out.
        extras: what else a data set says of its classes, such as ``gsd``; goes on into checkpoints made of its own.
        wrong_palette: what a file says as palette, but is not one colour per class; None where it says none, or right.
    """

    names: tuple[str, ...]
    palette: tuple[Colour, ...] | None = None
    of_interest: int | None = None
    extras: Mapping[str, Any] = field(default_factory=dict, compare=False)
    wrong_palette: Any = field(default=None, compare=False)

    @property
    def name_of_interest(self) -> str | None:
        """The name of the class of interest; None where no class stands out."""
        return None if self.of_interest is None else self.names[self.of_interest]

    @property
    def background(self) -> int | None:
        """The class that stays bare when classes are laid over an image.

        Of two it is the one that is not of interest, with any names of the classes; without a class of interest, and
        of more than two, the one called background; of two without either, the first. None if there is no such class.
        """
        if len(self.names) == 2 and self.of_interest is not None:
            return 1 - self.of_interest
        called = (i for i, name in enumerate(self.names) if name.casefold() == BACKGROUND and i != self.of_interest)
        return next(called, 0 if len(self.names) == 2 else None)

    def meta(self) -> dict[str, Any]:
        """Return them as mmseg keeps them in ``meta['dataset_meta']`` of a checkpoint."""
        palette = None if self.palette is None else [list(colour) for colour in self.palette]
        return {'classes': self.names, 'palette': palette, **self.extras}


def map_classes(classes: Classes) -> Classes:
    """Return classes with the colours of maps: those of their labels, except two that are hard to see."""
    if classes.palette is None:
        return classes
    named = zip(classes.names, classes.palette, strict=True)
    return replace(classes, palette=tuple(OF_LABELS.get((name, colour), colour) for name, colour in named))


def class_colours(legend: Classes) -> tuple[Colour, ...]:
    """Return a colour for each class: the map's own, or eight that the colour-blind tell apart, over and over."""
    if legend.palette is not None:
        return legend.palette
    return tuple(PALETTE[index % len(PALETTE)] for index in range(len(legend.names)))


def class_set(meta: Mapping[str, Any], *, of_interest: str | None = None) -> Classes:
    """Return the classes of a data set that is evaluated.

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
        raise ConfigError(
            f'class_of_interest {chosen!r} is not a class of the data set: choose from {", ".join(names)}'
        )
    given = meta.get('palette') or None
    if given is not None and (len(given) != len(names) or any(len(colour) != 3 for colour in given)):
        raise ConfigError(
            f'palette of {counted(len(given), "colour")} for {counted(len(names), "class")}: give one colour '
            '(R, G, B) per class'
        )
    palette = None if given is None else tuple((int(r), int(g), int(b)) for r, g, b in given)
    return Classes(names, palette, _interest(names, chosen))


def classes_in(described: Any) -> Classes | None:
    """Return the classes of ``dataset_meta``, or of ``meta`` of 0.x, which writes CLASSES and PALETTE; else None.

    Nothing is refused: colours that are none, or of another number than the names, are only ``wrong_palette``, and a
    class of interest that is not a class is left out. Without a class of interest, the last of two classes counts.
    """
    if not isinstance(described, Mapping):
        return None
    content = plain(described)
    found = content.pop('classes', None) or content.get('CLASSES')
    palette = content.pop('palette', None) or content.get('PALETTE')
    if not isinstance(found, (list, tuple)) or not found:
        return None
    names = tuple(map(str, found))
    # Meta of 0.x holds the training state beside the classes, which does not belong to them.
    extras = {} if 'CLASSES' in content else content
    colours, interest = _colours(palette, len(names)), _interest(names, extras.get('class_of_interest'))
    return Classes(names, colours, interest, extras, None if colours is not None else palette or None)


def _interest(names: tuple[str, ...], chosen: Any) -> int | None:
    if chosen in names:
        return names.index(chosen)
    return 1 if len(names) == 2 else None


def _colours(palette: Any, count: int) -> tuple[Colour, ...] | None:
    """Return R, G, B of each class, or None where a palette is not a list of such."""
    try:
        colours = [tuple(int(part) for part in colour) for colour in palette]
    except (TypeError, ValueError):
        return None
    fits = all(len(colour) == 3 and 0 <= min(colour) <= max(colour) <= 255 for colour in colours)
    return tuple((r, g, b) for r, g, b in colours) if fits and len(colours) == count else None


def plain(value: Any, *, depth: int = DEPTH) -> Any:
    """Return a value as Python's own numbers, texts, lists, tuples and dictionaries; anything else as its text.

    Args:
        value: anything.
        depth: how many levels are looked into.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray, Tensor)):
        return value.tolist()
    if isinstance(value, Mapping) and depth:
        return {str(key): plain(item, depth=depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and depth:
        items = [plain(item, depth=depth - 1) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return str(value)


def settle(file: Classes | None, config: Classes | None, *, choice: Side | None) -> tuple[Classes, str]:
    """Return the classes that count, and whose word that is.

    Args:
        file: what the checkpoint says.
        config: what the data set of the config says.
        choice: whose word counts where they differ.

    Raises:
        CheckpointError: neither names the classes or their colours, or the two differ and no option chooses.
    """
    if file is not None and config is not None and config.names == file.names:
        # A file that says nothing of colours agrees with any; one that says wrong ones may mean other classes.
        if file.palette is None and file.wrong_palette is None:
            file = replace(file, palette=config.palette)
    said = {side: classes for side, classes in (('file', file), ('config', config)) if classes is not None}
    # Not the class of interest: it says how figures are shown, not what the channels of the weights mean.
    same = len({(classes.names, classes.palette) for classes in said.values()}) == 1
    if len(said) == 2 and choice is None and not same:
        raise CheckpointError(
            f'the file names {_words(said["file"])}, the config {_words(said["config"])}: choose with --classes '
            'file or --classes config'
        )
    side = choice if choice in said else ('file' if 'file' in said else 'config')
    if side not in said:
        raise CheckpointError(
            'neither the file nor the data set of the config names the classes: give the data set of the config '
            "metainfo=dict(classes=('background', 'green'), palette=[[0, 0, 0], [128, 0, 0]])"
        )
    if said[side].palette is None:
        raise CheckpointError(f'{_words(said[side])}: each class needs a colour; see metainfo of the data set')
    return said[side], 'of file and config' if len(said) == 2 and same else f'of the {side}'


def _words(classes: Classes) -> str:
    palette = classes.wrong_palette if classes.palette is None else [list(colour) for colour in classes.palette]
    return f'{", ".join(classes.names)} (palette {palette})'
