"""Names files by their content, without reading a file again that has not changed since."""

import hashlib
import os
import time
from typing import NamedTuple

# A file that was changed so recently may change again without a new time stamp (FAT counts in 2 seconds).
SETTLED_AFTER = 2.5  # seconds


class _Stamp(NamedTuple):
    file: int
    size: int
    modified: int  # nanoseconds
    changed: int  # nanoseconds


class ContentNames:
    """Names that depend on every byte of a file, and on a ``recipe``: what is made of the file, and by what.

    A name is kept with the file's identity, size and times while this process lives, and the file is read again when
    one of these differs. Another process, or the next run, reads it again in any case.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[_Stamp, str]] = {}

    def known(self, path: str, recipe: str) -> str | None:
        """Return the name of an unchanged file, or None where it has to be read.

        Raises:
            OSError: there is no such file.
        """
        stamp, name = self._known.get((path, recipe), (None, None))
        return name if stamp == _stamp(path) else None

    def read(self, path: str, recipe: str) -> tuple[str, bytes]:
        """Return the name and the content of a file.

        Raises:
            OSError: it cannot be read.
        """
        now, stamp = time.time(), _stamp(path)
        with open(path, 'rb') as file:
            content = file.read()
        name = hashlib.sha256(b'\0'.join((recipe.encode(), content))).hexdigest()
        if now - max(stamp.modified, stamp.changed) / 1e9 > SETTLED_AFTER:
            self._known[path, recipe] = (stamp, name)
        return name, content


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)
    return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
