"""Takes an old config apart setting by setting, and notes what the new one chooses instead, leaves out or keeps.

Every setting of the old config is either carried over or named in the notes. None is lost without a note.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from mmseg_aux_hrnet.errors import ConfigError

Kind = Literal['chosen', 'dropped', 'kept']
TITLES: dict[Kind, str] = {
    'chosen': 'Chosen instead',
    'dropped': 'Not carried over',
    'kept': 'Kept as it is, though nothing in 1.x reads it',
}
LONGEST_VALUE = 60  # characters of a value in a note


class Note(NamedTuple):
    """One line of the report: where in the old config, and what about it."""

    kind: Kind
    place: str
    text: str


class Report:
    """Notes in the order in which they were made, each once.

    Attributes:
        notes: what was noted.
        reading: the part of the old config that was read last.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.reading = ''

    def note(self, kind: Kind, place: str, text: str) -> None:
        """Add a note, unless it is there already: parts that share a pipeline or a class would each add it."""
        note = Note(kind, place, text)
        if note not in self.notes:
            self.notes.append(note)

    def chose(self, place: str, text: str) -> None:
        """Note that the new config does not do the same as the old one."""
        self.note('chosen', place, text)

    def dropped(self, place: str, text: str) -> None:
        """Note that a setting has no part in the new config."""
        self.note('dropped', place, text)

    def lines(self) -> list[str]:
        """Return the notes under their titles."""
        lines = []
        for kind, title in TITLES.items():
            # One line for each text, however many places it is about: lists of data sets say everything several times.
            places: dict[str, list[str]] = {}
            for note in self.notes:
                if note.kind == kind:
                    places.setdefault(note.text, []).append(note.place)
            lines += [f'{title}:'] if places else []
            lines += [f'- {", ".join(of_text)}: {text}' for text, of_text in places.items()]
        return lines


class Section:
    """A part of an old config, from which settings are taken one by one.

    Args:
        settings: the part; it is not changed.
        place: its name in the old config.
        report: gets a note of each setting that was not taken.

    Raises:
        ConfigError: the part is not a dict.
    """

    def __init__(self, settings: Any, *, place: str, report: Report) -> None:
        if not isinstance(settings, Mapping):
            raise ConfigError(f'{place} is {shown(settings)}, and configs of 0.x have a dict there')
        report.reading = place  # an error in what follows is one about this part
        self._left = dict(settings)
        self.place = place
        self.report = report

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def has(self, key: str) -> bool:
        """Tell whether a setting is there and neither None nor empty."""
        return bool(self._left.get(key))

    def take(self, key: str, default: Any = None) -> Any:
        """Return a setting that the caller handles."""
        return self._left.pop(key, default)

    def take_given(self, *keys: str) -> dict[str, Any]:
        """Return those of ``keys`` that are set and not None, under their old names."""
        taken = {key: self.take(key) for key in keys}
        return {key: value for key, value in taken.items() if value is not None}

    def drop(self, *keys: str, why: str | None) -> None:
        """Leave settings out, with a note where they are set; without one where ``why`` is None: nothing is lost."""
        for key in keys:
            if key in self._left:
                value = self._left.pop(key)
                if why is not None:
                    self.report.dropped(self.where(key), f'{shown(value)}: {why}')

    def part(self, key: str, default: Any = None) -> 'Section':
        """Take a setting that is a dict of settings itself; nothing counts as an empty one.

        Raises:
            ConfigError: it is something else.
        """
        return Section(self.take(key) or default or {}, place=self.where(key), report=self.report)

    def rest(self) -> dict[str, Any]:
        """Return all settings that are left; they keep their old names."""
        rest, self._left = self._left, {}
        return rest

    def close(self) -> None:
        """Note what is left as not carried over."""
        self.drop(*list(self._left), why='unknown here')

    def where(self, key: str) -> str:
        """Return the full name of a setting."""
        return f'{self.place}.{key}' if self.place else key


def shown(value: Any) -> str:
    """Return a value for a note, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f'{text[:LONGEST_VALUE]}…'


def known_class(registry: Any, name: Any) -> type | None:
    """Return the class that ``name`` stands for in an mmseg registry or its parents, or None."""
    found = registry.get(name) if isinstance(name, str) else None
    return found if inspect.isclass(found) else None


def foreign_arguments(cls: type, settings: Mapping[str, Any]) -> list[str]:
    """Return those keys of ``settings`` that no constructor of ``cls`` takes, ``type`` aside.

    None where a constructor hands its other arguments to something that is not its parent.
    """
    names: set[str] = {'type', '_scope_'}
    for base in cls.__mro__:
        if '__init__' not in vars(base) or base is object:
            continue
        parameters = inspect.signature(vars(base)['__init__']).parameters.values()
        names |= {parameter.name for parameter in parameters}
        # What this constructor does not name, only one that takes **kwargs hands on to its parent.
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return [key for key in settings if key not in names]
    return []


def known_part(registry: Any, settings: Mapping[str, Any], *, place: str, report: Report) -> dict[str, Any] | None:
    """Return ``settings`` without the arguments that 1.x does not take, or None where it lacks the class; with notes.

    Args:
        registry: an mmseg registry.
        settings: type and arguments.
        place: where they stand in the old config.
        report: gets the notes.
    """
    name = settings.get('type')
    cls = known_class(registry, name)
    if cls is None:
        report.dropped(place, f'{name} is not registered in 1.x; port it and put it back by hand')
        return None
    foreign = foreign_arguments(cls, settings)
    for key in foreign:
        report.dropped(f'{place}.{name}.{key}', f'{settings[key]!r}: {name} of 1.x has no such argument')
    return {key: value for key, value in settings.items() if key not in foreign}
