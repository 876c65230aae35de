"""Asks the registries of 1.x what they know, so that an old name or argument is found before it is used."""

import inspect
from collections.abc import Mapping
from typing import Any


def find(registry: Any, name: Any) -> type | None:
    """Return the class that ``name`` stands for in an mmseg registry or its parents, or None."""
    found = registry.get(name) if isinstance(name, str) else None
    return found if inspect.isclass(found) else None


def foreign_arguments(cls: type, settings: Mapping[str, Any]) -> list[str]:
    """Return those keys of ``settings`` that no constructor of ``cls`` takes, ``type`` aside.

    None where a constructor hands whatever else it gets to something that is not its parent.
    """
    names: set[str] = {'type', '_scope_'}
    for base in cls.__mro__:
        if '__init__' not in vars(base) or base is object:
            continue
        parameters = inspect.signature(vars(base)['__init__']).parameters.values()
        names |= {parameter.name for parameter in parameters}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return [key for key in settings if key not in names]
    return []


def known_part(registry: Any, settings: Mapping[str, Any], *, place: str, report: Any) -> dict[str, Any] | None:
    """Return ``settings`` without the arguments that 1.x does not take, or None where it lacks the class; with notes.

    Args:
        registry: an mmseg registry.
        settings: type and arguments.
        place: where they stand in the old config.
        report: gets the notes.
    """
    name = settings.get('type')
    cls = find(registry, name)
    if cls is None:
        report.dropped(place, f'{name} is not registered in 1.x; port it and put it back by hand')
        return None
    foreign = foreign_arguments(cls, settings)
    for key in foreign:
        report.dropped(f'{place}.{name}.{key}', f'{settings[key]!r}: {name} of 1.x has no such argument')
    return {key: value for key, value in settings.items() if key not in foreign}
