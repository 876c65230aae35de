"""Reads a config of MMSegmentation 0.x as plain values."""

import keyword
import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import mmcv
import mmcv.utils
from mmengine.config import Config, ConfigDict

from mmseg_aux_hrnet.errors import ConfigError, one_line
from mmseg_aux_hrnet.exchange.migration.report import Report, shown

NEW_KEYS = ('train_dataloader', 'optim_wrapper', 'param_scheduler', 'default_hooks', 'val_evaluator')
PIECES = {'model': 'the network', 'data': 'the data sets', 'optimizer': 'the optimizer'}
TEMPORARY = re.compile(r'There are syntax errors in config file .*\.py: ')  # mmengine names its own copy of the file
SCALARS = (str, int, float, bool, type(None))


def read_old_config(path: str | Path, *, report: Report) -> dict[str, Any]:
    """Return the config at ``path``, its ``_base_`` files merged in, as plain Python values.

    The file is run, as mmengine and mmcv run every config.

    Raises:
        ConfigError: the file is missing, cannot be run, is of 1.x already, or lacks a part.
    """
    if not Path(path).is_file():
        raise ConfigError(f'{path} is not a file: give a config of MMSegmentation 0.x')
    try:
        with _names_of_old():
            config = Config.fromfile(path, import_custom_modules=False, lazy_import=False)
        values = config.to_dict()
    except (Exception, SystemExit) as error:  # a config is a program: it can end in any way
        reason = TEMPORARY.sub('', one_line(error))
        raise ConfigError(f'{path} cannot be read: {type(error).__name__}: {reason}') from error
    new = [key for key in NEW_KEYS if key in values]
    if new:
        raise ConfigError(f'{path} is a config of 1.x already: it has {", ".join(new)}; nothing to migrate')
    for key, what in PIECES.items():
        if not isinstance(values.get(key), Mapping):
            raise ConfigError(f'{path} has no {key}, {what}: give a whole config of 0.x, not one of its _base_ files')
    return _plain_variables(values, source=path, report=report)


@contextmanager
def _names_of_old() -> Iterator[None]:
    """Let configs import ``Config`` and ``ConfigDict`` from where mmcv 1.x had them."""
    added: list[tuple[ModuleType, str]] = []
    for module in (mmcv, mmcv.utils):
        for name, value in (('Config', Config), ('ConfigDict', ConfigDict)):
            if not hasattr(module, name):
                setattr(module, name, value)
                added.append((module, name))
    try:
        yield
    finally:
        for module, name in added:
            delattr(module, name)


def _plain_variables(values: dict[str, Any], *, source: str | Path, report: Report) -> dict[str, Any]:
    new = {}
    for key, value in values.items():
        if isinstance(value, type):
            continue  # what an import of the config left, such as ConfigDict
        try:
            new[key] = plain(value)
        except TypeError as error:
            if key in PIECES:
                raise ConfigError(f'{source} cannot be migrated: in {key}, {error}') from error
            report.dropped(key, f'{shown(value)}: {error}')
    return new


def plain(value: Any) -> Any:
    """Return ``value`` made of dicts, lists, tuples and scalars only.

    Raises:
        TypeError: something else is in it.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    if isinstance(value, (list, range, set)):
        return [plain(part) for part in value]
    if isinstance(value, PurePath):
        return value.as_posix()
    if hasattr(value, 'tolist'):
        return plain(value.tolist())  # an array or a number of numpy
    if isinstance(value, SCALARS):
        return value
    raise TypeError(f'{type(value).__name__} is no plain value that a config file can hold')


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
