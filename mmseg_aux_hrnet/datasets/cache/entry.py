"""Files of decoded tiles, a header with size and checksum before the pixels as they lie in memory, and their room."""

import mmap
import os
import re
import secrets
import shutil
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.files.whole import PART, whole_file

# Not a .npy file: np.load takes two to three times as long to open one (0.2 against 0.09 ms), for every tile of every
# step, and its header has no place for a checksum. The last character of the magic goes up with the format.
MAGIC = b'AUXTILE1'
HEADER = struct.Struct('<8s4I40x')  # magic; height, width, channels (0: none); CRC-32 of the pixels; 64 bytes in all
SUFFIX = '.auxtile'
OURS = re.compile(rf'[0-9a-f]{{64}}{re.escape(SUFFIX)}(\.[0-9a-f-]+{re.escape(PART)})?')
KEPT_FREE = 2 * 2**30  # bytes of the disk that are left to checkpoints
SHARE = 32  # processes that may write at a time: each fills this part of the free room before it looks again
SHRUNK_TO = 0.9  # of the limit, where older entries make room
ABANDONED_AFTER = 3600.0  # seconds


class DamagedEntryError(Exception):
    """The file is not what was written: cut off, overwritten, or of another format."""


def map_entry(path: Path, *, verify: bool) -> NDArray[np.uint8]:
    """Return the pixels of an entry, uint8 (H, W) or (H, W, C), mapped from its file.

    The array may be changed: the changes stay in this process.

    Args:
        path: the entry.
        verify: read all of it and compare the checksum.

    Raises:
        FileNotFoundError: there is no such entry.
        DamagedEntryError: it is damaged.
        OSError: it cannot be read.
    """
    with path.open('rb') as file:
        if os.fstat(file.fileno()).st_size < HEADER.size:
            raise DamagedEntryError
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    magic, height, width, channels, checksum = HEADER.unpack_from(mapped)
    shape = (height, width, channels) if channels else (height, width)
    if magic != MAGIC or len(mapped) != HEADER.size + int(np.prod(shape, dtype=np.int64)):
        raise DamagedEntryError
    pixels = np.frombuffer(mapped, np.uint8, offset=HEADER.size)
    if verify and zlib.crc32(pixels.data) != checksum:
        raise DamagedEntryError
    return pixels.reshape(shape)


def write_entry(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write ``pixels``, uint8 (H, W) or (H, W, C), as an entry, whole or not at all; others may write it too.

    It does not wait for the disk: an entry that a power cut leaves damaged is known by its checksum.

    Raises:
        OSError: it cannot be written; no part of it is left.
    """
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = (*pixels.shape, 0)[:3]
    # A name of its own, for several processes may write the same entry at a time.
    part = path.with_name(f'{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PART}')
    try:
        with whole_file(path, part=part, durable=False), part.open('xb') as file:
            file.write(HEADER.pack(MAGIC, height, width, channels, zlib.crc32(pixels.data)))
            file.write(pixels.data)
    except PermissionError:
        if not path.exists():  # it is there on Windows where another process has mapped it
            raise


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
            files = sorted(self._files())
            used = sum(bytes_ for _, bytes_, _ in files)
            if self._free(used) < SHARE * size:
                for last_used, bytes_, path in files:  # the least recently used first
                    if last_used >= self._since or used <= SHRUNK_TO * self.limit:
                        break
                    used -= bytes_ if _removed(path) else 0
            free = self._free(used)
            self._left = max(free // SHARE, size if size <= free else 0)
        if size > self._left:
            return False
        self._left -= size
        return True

    def _free(self, used: int) -> int:
        return min(self.limit - used, shutil.disk_usage(self.folder).free - KEPT_FREE)

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Yield last use in seconds since the epoch, bytes and path of each entry; remove what killed writers left."""
        for found in os.scandir(self.folder):
            if not OURS.fullmatch(found.name):
                continue
            try:
                status = found.stat()
            except OSError:  # removed by another process in this moment
                continue
            if found.name.endswith(PART) and time.time() - status.st_mtime > ABANDONED_AFTER and _removed(found.path):
                continue
            yield status.st_mtime, status.st_size, found.path  # not st_atime, which many systems do not keep


def _removed(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:  # gone already, or mapped by another process on Windows
        return False
    return True
