"""Writes files and folders that are whole or not there: beside under another name, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = '.part'  # a write that was cut off leaves this suffix, never the final name


def write_whole(path: str | Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either what it held before or all of it, at any moment.

    Raises:
        OSError: it cannot be written, such as on a full disk; ``path`` is as before and the part is removed.
    """
    with whole_file(path) as part:
        part.write_bytes(content)


@contextmanager
def whole_file(path: str | Path, *, part: Path | None = None, durable: bool = True) -> Iterator[Path]:
    """Give the name of a file to write, which becomes ``path`` when the block ends, and vanishes when it raises.

    So the block can check what it has written before anybody sees it.

    Args:
        path: an existing file is replaced; the folder is made where missing.
        part: the name that is given, in the same folder; ``path`` with ``PART`` where None, which a later write takes
            up again after a killed one. Several processes that may write one file at a time need :func:`own_part`.
        durable: wait until the content is on the disk, so that a power cut cannot leave an empty file under the final
            name. That takes milliseconds a file: False for thousands of small ones that can be made again.

    Raises:
        OSError: it cannot be written; ``path`` is as before and the part is removed, as after any failure of the block.
    """
    part = Path(f'{path}{PART}') if part is None else part
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        if durable:
            with part.open('rb+') as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def own_part(path: Path, suffix: str = PART) -> Path:
    """Return a hidden name beside ``path`` that no other process of this machine uses."""
    return path.with_name(f'.{path.name}.{os.getpid()}{suffix}')


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes ``path`` when the block ends, and vanishes when it raises.

    A folder that is at ``path`` by then is replaced as a whole: whoever calls checks before that it may be.

    Raises:
        OSError: it cannot be made or renamed; ``path`` is as before.
    """
    target = Path(path).resolve()  # behind a link, so that the link stays one
    part, old = own_part(target), own_part(target, '.old')
    # What a killed run of the same process number left would else be among the new files.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if target.exists():
            os.replace(target, old)  # no system replaces a folder with content by another one in one step
        try:
            os.replace(part, target)
        except OSError:
            if old.exists():
                os.replace(old, target)
            raise
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
