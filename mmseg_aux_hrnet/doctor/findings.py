"""The findings of the data doctor: faults, doubts and notes."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, get_args

Level = Literal['fault', 'doubt', 'note']
LEVELS: tuple[Level, ...] = get_args(Level)


class Finding(NamedTuple):
    """One thing that was found.

    Attributes:
        level: ``fault``: training stops, or learns or measures wrong things; ``doubt``: likely wrong, only a person can
            tell; ``note``: good to know.
        key: short name of the kind of finding, such as ``label-missing``.
        split: the split it is about; empty where it is about all of them.
        what: what was found, with its count.
        advice: what to do; may be empty.
        files: every file or line that it is about, each with its reason where reasons differ.
    """

    level: Level
    key: str
    split: str
    what: str
    advice: str = ''
    files: tuple[str, ...] = ()


def about(
    files: Iterable[str],
    what: str,
    *,
    level: Level,
    key: str,
    noun: str = 'image',
    split: str = '',
    advice: str = '',
) -> Iterator[Finding]:
    """Yield a finding that counts and names files; nothing where there are none.

    Args:
        files: names, each with its reason where reasons differ.
        what: what is the matter with them, as it reads after their number and noun.
        level: as in :class:`Finding`, and so are ``key``, ``split`` and ``advice``.
        key: short name of the kind of finding.
        noun: what one of them is; gets an s where there are several.
        split: the split that they belong to.
        advice: what to do.
    """
    named = tuple(files)
    if named:
        count = f'1 {noun}' if len(named) == 1 else f'{len(named)} {noun}s'
        yield Finding(level, key, split, f'{count} {what}', advice, named)


def count_levels(findings: Iterable[Finding]) -> dict[Level, int]:
    """Return the number of findings of each level."""
    levels = [finding.level for finding in findings]
    return {level: levels.count(level) for level in LEVELS}


def printable(name: str) -> str:
    """Return a file name in which bytes that are not Unicode are written out."""
    return name.encode('utf-8', 'backslashreplace').decode('utf-8')


def first_of(files: Iterable[str], *, limit: int = 3) -> str:
    """Return the first names of a list and how many more there are."""
    names = list(files)
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return f'{", ".join(names[:limit])}{more}'
