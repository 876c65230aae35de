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
    with whole_file(path, content):
        pass


@contextmanager
def whole_file(path: str | Path, content: bytes) -> Iterator[Path]:
    """Yield the file beside ``path`` that ``content`` was written to, and rename it when the block has ended well.

    So the block can check what was written before anybody sees it.

    Raises:
        OSError: it cannot be written; ``path`` is as before and the part is removed, as after any failure of the block.
    """
    part = Path(f'{path}{PART}')
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the content before the name: a power cut must not leave an empty whole file
        yield part
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes ``path`` when the block ends, and vanishes when it raises.

    A folder that is at ``path`` by then is replaced as a whole: whoever calls checks before that it may be.

    Raises:
        OSError: it cannot be made or renamed; ``path`` is as before.
    """
    target = Path(path).resolve()  # behind a link, so that the link stays one
    part, old = (target.with_name(f'.{target.name}.{os.getpid()}{suffix}') for suffix in (PART, '.old'))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if target.exists():
            os.replace(target, old)
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
