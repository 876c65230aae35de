"""Writes a config as Python text that people read."""

import keyword
import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

WIDTH = 120
INDENT = 4


def config_text(config: Mapping[str, Any], *, comments: list[str]) -> str:
    """Return the text of a config file.

    A dict or list that is a variable of its own is written once, and elsewhere by its name.

    Args:
        config: plain values by variable.
        comments: lines for the top of the file.
    """
    head = [line for comment in comments for line in _comment(comment)]
    names: dict[int, str] = {}
    body = []
    for key, value in config.items():
        body.append(f'{key} = {_text(value, names, column=len(key) + 3, indent=0)}')
        if isinstance(value, (dict, list)) and value:
            names[id(value)] = key
    return '\n'.join([*head, *body, ''])


def _comment(text: str) -> list[str]:
    indent = '  ' if text.startswith('- ') else ''
    return textwrap.wrap(text, WIDTH, initial_indent='# ', subsequent_indent=f'# {indent}', break_on_hyphens=False)


def _text(value: Any, names: Mapping[int, str], *, column: int, indent: int) -> str:
    """Return a value as Python text, on one line where it ends before the width, else one part a line."""
    if id(value) in names:
        return names[id(value)]
    if not isinstance(value, (dict, list, tuple)) or not value:
        return _scalar(value)
    opening, closing = _brackets(value)
    flat = ', '.join(_parts(value, names, column=-WIDTH * WIDTH, indent=0))
    only = ',' if isinstance(value, tuple) and len(value) == 1 else ''
    if column + len(flat) + 8 < WIDTH and '\n' not in flat:
        return f'{opening}{flat}{only}{closing}'
    inner = indent + INDENT
    lines = [f'{" " * inner}{part},' for part in _parts(value, names, column=inner, indent=inner)]
    return '\n'.join([opening, *lines, ' ' * indent + closing])


def _scalar(value: Any) -> str:
    if value == {}:
        return 'dict()'
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    return repr(value)


def _is_name(key: str) -> bool:
    return key.isidentifier() and not keyword.iskeyword(key)


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        return ('dict(', ')') if all(map(_is_name, value)) else ('{', '}')
    return ('[', ']') if isinstance(value, list) else ('(', ')')


def _parts(value: Any, names: Mapping[int, str], *, column: int, indent: int) -> Iterator[str]:
    if not isinstance(value, dict):
        for part in value:
            yield _text(part, names, column=column, indent=indent)
        return
    opening, _ = _brackets(value)
    for key, part in value.items():
        start = f'{key}=' if opening == 'dict(' else f'{key!r}: '
        yield start + _text(part, names, column=column + len(start), indent=indent)
