"""Reads a config of MMSegmentation 0.x as plain values."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import mmcv
import mmcv.utils
from mmengine.config import Config, ConfigDict

from mmseg_aux_hrnet.errors import ConfigError, one_line
from mmseg_aux_hrnet.migration.report import Report, shown

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
