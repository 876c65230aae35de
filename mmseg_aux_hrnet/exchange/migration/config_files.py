"""Config files: reads one of MMSegmentation 0.x as plain values, and writes one of 1.x from them."""

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
WIDTH = 120
INDENT = 4
BRACKETS = {'dict(': ')', '{': '}', '[': ']', '(': ')'}


def read_old_config(path: Path, *, report: Report) -> dict[str, Any]:
    """Return the config at ``path``, its ``_base_`` files merged in, as plain Python values.

    The file is run, as mmengine and mmcv run every config.

    Raises:
        ConfigError: the file is missing, cannot be run, is of 1.x already, or lacks a part.
    """
    if not path.is_file():
        raise ConfigError(f'{path} is not a file: give a config of MMSegmentation 0.x')
    try:
        with _names_of_mmcv_1():
            # Modules of 0.x that the config names need mmcv 1.x: what is left of them is tried by itself later.
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
    variables = {}
    for key, value in values.items():
        if isinstance(value, type):
            continue  # what an import of the config left, such as ConfigDict
        try:
            variables[key] = config_values(value)
        except TypeError as error:
            if key in PIECES:
                raise ConfigError(f'{path} cannot be migrated: in {key}, {error}') from error
            report.dropped(key, f'{shown(value)}: {error}')
    return variables


@contextmanager
def _names_of_mmcv_1() -> Iterator[None]:
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


def config_values(value: Any) -> Any:
    """Return ``value`` made of dicts, lists, tuples and scalars only.

    Raises:
        TypeError: something else is in it.
    """
    if isinstance(value, Mapping):
        return {str(key): config_values(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(config_values(part) for part in value)
    if isinstance(value, (list, range, set)):
        return [config_values(part) for part in value]
    if isinstance(value, PurePath):
        return value.as_posix()
    if hasattr(value, 'tolist'):
        return config_values(value.tolist())  # an array or a number of numpy
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f'{type(value).__name__} is not a plain value that a config file can hold')


def config_text(config: Mapping[str, Any], *, comments: list[str]) -> str:
    """Return the text of a config file.

    A dict or list that is a variable of its own is written once, and elsewhere by its name.

    Args:
        config: plain values by variable.
        comments: lines for the top of the file.
    """
    lines = []
    for comment in comments:
        indent = '#   ' if comment.startswith('- ') else '# '
        lines += textwrap.wrap(comment, WIDTH, initial_indent='# ', subsequent_indent=indent, break_on_hyphens=False)
    names: dict[int, str] = {}
    for key, value in config.items():
        lines.append(f'{key} = {_text(value, names, column=len(key) + 3, indent=0)}')
        if isinstance(value, (dict, list)) and value:
            names[id(value)] = key  # by identity: equal parts that the config does not share stay independent
    return '\n'.join([*lines, ''])


def _text(value: Any, names: Mapping[int, str], *, column: int, indent: int) -> str:
    """Return a value as Python text, on one line where it ends before the width, else one part a line.

    Args:
        value: a plain value.
        names: variables by the identity of their values.
        column: where the text begins.
        indent: of the line that it begins on.
    """
    if id(value) in names:
        return names[id(value)]
    if value == {}:
        return 'dict()'
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if not isinstance(value, (dict, list, tuple)) or not value:
        return repr(value)
    if isinstance(value, dict):
        words = all(key.isidentifier() and not keyword.iskeyword(key) for key in value)
        opening = 'dict(' if words else '{'
        parts = [(f'{key}=' if words else f'{key!r}: ', part) for key, part in value.items()]
    else:
        opening = '[' if isinstance(value, list) else '('
        parts = [('', part) for part in value]
    # From far left, so that no part breaks: what comes out shows whether all of it fits.
    flat = ', '.join(start + _text(part, names, column=-WIDTH * WIDTH, indent=0) for start, part in parts)
    only = ',' if isinstance(value, tuple) and len(value) == 1 else ''
    if column + len(flat) + 8 < WIDTH and '\n' not in flat:
        return f'{opening}{flat}{only}{BRACKETS[opening]}'
    inner = indent + INDENT
    lines = [start + _text(part, names, column=inner + len(start), indent=inner) for start, part in parts]
    return '\n'.join([opening, *(f'{" " * inner}{line},' for line in lines), ' ' * indent + BRACKETS[opening]])
