"""What the data doctor says: faults, doubts and notes."""

from collections.abc import Iterable
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


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings with faults first and notes last, in the order they came within a level."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def count_levels(findings: Iterable[Finding]) -> dict[Level, int]:
    """Return the number of findings of each level."""
    levels = [finding.level for finding in findings]
    return {level: levels.count(level) for level in LEVELS}


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural by an s unless it is 1."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def printable(name: str) -> str:
    """Return a file name in which bytes that are no Unicode are written out."""
    return name.encode('utf-8', 'backslashreplace').decode('utf-8')


def first_of(files: Iterable[str], *, limit: int = 3) -> str:
    """Return the first names of a list and how many more there are."""
    names = list(files)
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return f'{", ".join(names[:limit])}{more}'
