"""How much a folder of entries may still take, and which entries go first."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmseg_aux_hrnet.datasets.cache.entry import PART

SUFFIX = '.auxtile'
OURS = re.compile(rf'[0-9a-f]{{64}}{re.escape(SUFFIX)}(\.[0-9a-f-]+{re.escape(PART)})?')
KEPT_FREE = 2 * 2**30  # bytes of the disk that are left to checkpoints
SHARE = 32  # of the free room, what one process fills before it looks again: so many may write at a time
SHRUNK_TO = 0.9  # of the limit, where older entries make room
ABANDONED_AFTER = 3600.0  # seconds


class _File(NamedTuple):
    used: float  # seconds since the epoch
    size: int  # bytes
    path: str


class Room:
    """The room of a folder that several processes fill without knowing of each other.

    Entries that were used since this object was made are not removed for others. Files of other names are left alone.

    Args:
        folder: where the entries are.
        limit: bytes that all entries together may take.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._since = time.time()
        self._left = 0

    def take(self, size: int) -> bool:
        """Return whether ``size`` more bytes may be written, and count them as written.

        Raises:
            OSError: the folder cannot be looked through.
        """
        if size > self._left:
            self._left = self._look(size)
        if size > self._left:
            return False
        self._left -= size
        return True

    def _look(self, size: int) -> int:
        """Return the bytes that may be written before the next look, after making room where that is needed."""
        files = sorted(self._files())
        used = sum(file.size for file in files)
        if self._free(used) < SHARE * size:
            for file in files:
                if file.used >= self._since or used <= SHRUNK_TO * self.limit:
                    break
                used -= file.size if _removed(file.path) else 0
        free = self._free(used)
        return max(free // SHARE, size if size <= free else 0)

    def _free(self, used: int) -> int:
        return min(self.limit - used, shutil.disk_usage(self.folder).free - KEPT_FREE)

    def _files(self) -> Iterator[_File]:
        """Yield all entries; removes what writers left that were killed."""
        for found in os.scandir(self.folder):
            if not OURS.fullmatch(found.name):
                continue
            try:
                status = found.stat()
            except OSError:  # removed by another process in this moment
                continue
            if found.name.endswith(PART) and time.time() - status.st_mtime > ABANDONED_AFTER and _removed(found.path):
                continue
            yield _File(status.st_mtime, status.st_size, found.path)


def _removed(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:  # gone already, or mapped by another process on Windows
        return False
    return True
