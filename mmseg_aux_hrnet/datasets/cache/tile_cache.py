"""A folder of decoded tiles that processes and runs share, with a limited size."""

import hashlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from numpy.typing import NDArray
from torch.utils.data import get_worker_info

from mmseg_aux_hrnet.datasets.cache.entry import (
    HEADER,
    KEPT_FREE,
    SUFFIX,
    DamagedEntryError,
    Room,
    map_entry,
    write_entry,
)
from mmseg_aux_hrnet.errors import ConfigError, one_line

# A file that was changed so recently may change again without a new time stamp (FAT counts in 2 seconds).
SETTLED_AFTER = 2.5  # seconds
CACHE_GB = 50.0  # GiB, the default; a pair of 1024 x 512 pixels takes 2 MiB
GIB = 2**30
TOUCHED_EVERY = 60.0  # seconds

Decode = Callable[[bytes | None], NDArray[Any]]
_Stamp = tuple[int, int, int, int]  # number of the file, its bytes, when it was modified and changed, in ns

_warned = RawValue('b')  # processes that are forked from this one share it


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
        now, stamp = time.time(), _stamp(path)  # before reading: a change while it is read leaves another stamp
        with open(path, 'rb') as file:
            content = file.read()
        name = hashlib.sha256(b'\0'.join((recipe.encode(), content))).hexdigest()
        if now - max(stamp[2:]) / 1e9 > SETTLED_AFTER:
            self._known[path, recipe] = (stamp, name)
        return name, content


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class TileCache:
    """Decoded images or labels in a folder, found by the content of the file that they were decoded from.

    An entry is written once and never changed; a damaged one is decoded and written again. If the room is used up,
    those go first that were not used for longest, but none that this run has used: a data set that is larger than the
    room does not drive itself out. What cannot be written is decoded each time, with one warning.

    Args:
        folder: where the entries are; made where it is not there. Nothing else in it is touched.
        gigabytes: room for the entries, in GiB.

    Raises:
        ConfigError: the room is not above 0, or the folder cannot be made.
    """

    def __init__(self, folder: str, *, gigabytes: float) -> None:
        if not gigabytes > 0:
            raise ConfigError(f'cache_gb={gigabytes}: give the room for decoded tiles in GiB, above 0')
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f'cache {folder} cannot be made ({error.strerror}): choose another folder') from error
        self._names = ContentNames()
        self._room = Room(self.folder, limit=round(gigabytes * GIB))
        self._touched: dict[str, float] = {}  # entries whose checksum was compared here, and when they were marked used
        self._closed = False

    def load(self, path: str, *, recipe: str, decode: Decode) -> NDArray[Any]:
        """Return what ``decode`` makes of the file at ``path``, from the folder where it is there.

        Args:
            path: the file.
            recipe: what is decoded, how, and by which version: entries of another recipe are not taken.
            decode: decodes the content that it is given; where that is None, reads the file, or says why not.
        """
        try:
            name = self._names.known(path, recipe)
            pixels = None if name is None else self._mapped(name)
            if pixels is not None:
                return pixels
            name, content = self._names.read(path, recipe)
        except OSError:
            return decode(None)
        pixels = self._mapped(name)
        if pixels is None:
            pixels = decode(content)
            self._keep(name, pixels)
        return pixels

    def _mapped(self, name: str) -> NDArray[Any] | None:
        """Return an entry, or None where there is no whole one."""
        path = self.folder / f'{name}{SUFFIX}'
        try:
            pixels = map_entry(path, verify=name not in self._touched)
        except (OSError, DamagedEntryError):
            self._touched.pop(name, None)
            return None
        now = time.time()
        if now - self._touched.get(name, 0.0) > TOUCHED_EVERY:
            self._touched[name] = now
            with suppress(OSError):  # a folder that others fill need not be ours to be read
                os.utime(path)
        return pixels

    def _keep(self, name: str, pixels: NDArray[Any]) -> None:
        if self._closed:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)  # to delete it while it is used only empties it
            self._closed = not self._room.take(HEADER.size + pixels.nbytes)
            if not self._closed:
                write_entry(self.folder / f'{name}{SUFFIX}', pixels)
                return
            room, disk = self._room.limit / GIB, KEPT_FREE / GIB
            fault = f'is full (it holds {room:g} GiB, see cache_gb, or {disk:g} GiB of its disk are left)'
        except OSError as error:
            self._closed = True
            fault = f'cannot be written ({one_line(error)})'
        # All loader processes come to the same: the first one says it, once, for images and labels together.
        worker = get_worker_info()
        if not _warned.value and (worker is None or worker.id == 0):
            _warned.value = 1
            words = f'cache {self.folder} {fault}: other tiles are decoded each time'
            print_log(words, logger='current', level=logging.WARNING)
