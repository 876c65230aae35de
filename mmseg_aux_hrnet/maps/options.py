"""Parts that commands on maps share: checks of extras and of files to write, names of classes, warnings said once."""

import logging
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError, StackError
from mmseg_aux_hrnet.files.outputs import check_file

logger = logging.getLogger(__name__)

GEO = ('rasterio', 'pyproj', 'shapely', 'pyogrio', 'exactextract', 'filelock')
BUILDINGS = ('buildingregulariser',)
PARQUET = ('pyarrow',)


def parse_names(text: str | None, *, option: str) -> tuple[str, ...] | None:
    """Return the names of a comma-separated list; None for none.

    Raises:
        ConfigError: a name is empty or there twice.
    """
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(','))
    if not all(names) or len(set(names)) < len(names):
        raise ConfigError(f'{option} is {text!r}: name each class once, separated by commas, such as other,green')
    return names


def check_output(out: Path, *, suffixes: Iterable[str], inputs: Iterable[Path], overwrite: bool) -> None:
    """Raise unless a file may be written.

    Args:
        out: the file.
        suffixes: those that it can end in, in small letters.
        inputs: files that are read.
        overwrite: whether it may replace another.

    Raises:
        ConfigError: its suffix names no format, it is an input, a folder, or exists and must not be replaced.
    """
    if out.suffix.lower() not in suffixes:
        raise ConfigError(f'{out} ends in {out.suffix or "no suffix"}: it can end in {", ".join(suffixes)}')
    check_file(out, inputs=inputs, overwrite=overwrite)


def check_available(modules: tuple[str, ...] = GEO, *, extra: str = 'geo') -> None:
    """Raise unless every module of an extra is installed.

    Raises:
        StackError: names what is missing and the extra to install.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise StackError(f'maps need {", ".join(missing)}: pip install "mmseg-aux-hrnet[{extra}]"')


@cache
def warn_once(text: str) -> None:
    """Log a warning that many rasters would repeat."""
    logger.warning(text)
