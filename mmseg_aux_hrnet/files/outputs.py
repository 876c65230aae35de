"""Checks before the work whether an output may be written."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from mmseg_aux_hrnet.errors import ConfigError, OutputExistsError
from mmseg_aux_hrnet.files.address import Address, as_path

REPLACE = 'name another file, or replace it with --overwrite'


def check_file(
    path: Path, *, overwrite: bool = False, inputs: Iterable[Path] = (), what: str | None = None, advice: str = REPLACE
) -> None:
    """Raise unless a file may be written to ``path``.

    Args:
        path: the file to write.
        overwrite: whether it may replace another file.
        inputs: files that are read, which it may not replace in any case.
        what: how messages call it; the path where None.
        advice: what to do where it exists, the end of that message.

    Raises:
        ConfigError: it is an input or a folder.
        OutputExistsError: it exists and may not be replaced.
    """
    refuse_address(path)
    what = what or str(path)
    # Even with overwrite, and behind links: an input that is replaced while it is read is lost.
    if any(same_file(path, source) for source in inputs):
        raise ConfigError(f'{what} is an input file and would be overwritten: name another file')
    if path.is_dir():
        raise ConfigError(f'{what} is a folder: name a file')
    if path.exists() and not overwrite:
        raise OutputExistsError(f'{what} exists: {advice}')


def refuse_address(path: Path) -> None:
    """Raise where an output is to go to a server: a folder of such a name would be made here instead.

    Raises:
        ConfigError: it is.
    """
    address = as_path(path)
    if isinstance(address, Address):
        raise ConfigError(
            f'{address} cannot be written: name a place on this machine, and copy it there when it is whole'
        )


def same_file(first: Path, second: Path) -> bool:
    """Tell whether two names are of one file, through links of both kinds and letters of either case."""
    if first.exists() and second.exists():
        return first.samefile(second)
    return first.resolve() == second.resolve()


def check_folder(path: Path, *, overwrite: bool = False, what: str | None = None, advice: str) -> None:
    """Raise unless a folder may be made at ``path``: nothing is there, or an empty folder.

    Args:
        path: the folder to make.
        overwrite: whether it may replace a folder with content.
        what: how messages call it; the path where None.
        advice: what to do where it exists, the end of that message.

    Raises:
        ConfigError: it is a file.
        OutputExistsError: there is something in it, which may not be replaced.
    """
    what = what or str(path)
    if path.exists() and not path.is_dir():
        raise ConfigError(f'{what} is a file: {advice}')
    if path.exists() and any(path.iterdir()) and not overwrite:
        raise OutputExistsError(f'{what} exists and is not empty: {advice}')


def check_writable(folder: Path, *, what: str, advice: str) -> None:
    """Make a folder where it is missing, and raise unless files can be written in it.

    Raises:
        ConfigError: it cannot be made or written to; calls it ``what``, and ends in ``advice``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # rights alone do not tell, such as on network drives
    except OSError as error:
        raise ConfigError(f'{what} cannot be written ({error.strerror}): {advice}') from error
