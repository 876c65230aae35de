"""The classes that an evaluation is about: names, colours, and the one of interest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError

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


DEPTH = 12
Side = Literal['file', 'config']


class Classes(NamedTuple):
    """Names and colours of classes, in the order of their indices.

    Attributes:
        names: at least one.
        palette: R, G, B of each, 0 to 255; None where nobody says.
        extras: what else is said of them, such as the class of interest.
    """

    names: tuple[str, ...]
    palette: list[list[int]] | None
    extras: dict[str, Any]

    def meta(self) -> dict[str, Any]:
        """Return them as mmseg keeps them in ``meta['dataset_meta']``."""
        return {'classes': self.names, 'palette': self.palette, **self.extras}


def plain(value: Any, *, depth: int = DEPTH) -> Any:
    """Return a value as Python's own numbers, texts, lists, tuples and dictionaries; anything else as its text.

    Args:
        value: anything.
        depth: how many levels are looked into; what a file holds can contain itself.
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


def classes_in(described: Any) -> Classes | None:
    """Return the classes of ``dataset_meta``, or of ``meta`` of 0.x, which writes CLASSES and PALETTE; else None."""
    if not isinstance(described, Mapping):
        return None
    content = plain(described)
    names = content.pop('classes', None) or content.get('CLASSES')
    palette = content.pop('palette', None) or content.get('PALETTE')
    if not isinstance(names, (list, tuple)) or not names:
        return None
    extras = {} if 'CLASSES' in content else content
    return Classes(tuple(map(str, names)), _colours(palette), extras)


def _colours(palette: Any) -> list[list[int]] | None:
    """Return R, G, B of each class, or None where a palette is no list of such."""
    try:
        colours = [[int(part) for part in colour] for colour in palette]
    except (TypeError, ValueError):
        return None
    return colours if all(len(colour) == 3 and 0 <= min(colour) <= max(colour) <= 255 for colour in colours) else None


def settle(file: Classes | None, config: Classes | None, *, choice: Side | None) -> tuple[Classes, str]:
    """Return the classes that count, and whose word that is.

    Args:
        file: what the checkpoint says.
        config: what the data set of the config says.
        choice: whose word counts where they differ.

    Raises:
        CheckpointError: nobody names the classes or their colours, or the two differ and there is no choice.
    """
    if file is not None and file.palette is None and config is not None and config.names == file.names:
        file = file._replace(palette=config.palette)
    said = {side: classes for side, classes in (('file', file), ('config', config)) if classes is not None}
    if len(said) == 2 and choice is None and said['file'][:2] != said['config'][:2]:
        raise CheckpointError(
            f'the file names {_words(said["file"])}, the config {_words(said["config"])}: say with --classes file or '
            '--classes config which are meant'
        )
    side = choice if choice in said else ('file' if 'file' in said else 'config')
    if side not in said:
        raise CheckpointError(
            'neither the file nor the data set of the config names the classes: give the data set of the config '
            "metainfo=dict(classes=('background', 'green'), palette=[[0, 0, 0], [128, 0, 0]])"
        )
    if said[side].palette is None or len(said[side].palette or ()) != len(said[side].names):
        raise CheckpointError(f'{_words(said[side])}: each class needs a colour; see metainfo of the data set')
    both = len(said) == 2 and said['file'][:2] == said['config'][:2]
    return said[side], 'of file and config' if both else f'of the {side}'


def _words(classes: Classes) -> str:
    return f'{", ".join(classes.names)} (palette {classes.palette})'
