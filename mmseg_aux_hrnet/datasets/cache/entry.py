"""The file of one decoded tile: a header with its size and checksum, then its pixels as they lie in memory."""

import mmap
import os
import secrets
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b'AUXTILE1'
HEADER = struct.Struct('<8s4I40x')  # magic; height, width, channels (0: none); CRC-32 of the pixels; 64 bytes in all
PART = '.part'


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
        OSError: it cannot be opened.
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


def entry_size(pixels: NDArray[Any]) -> int:
    """Return the bytes that the entry of ``pixels`` takes."""
    return HEADER.size + pixels.nbytes


def write_entry(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write ``pixels``, uint8 (H, W) or (H, W, C), as an entry, whole or not at all, whoever else writes the same one.

    Without waiting for the disk: what a power cut leaves damaged is seen by its checksum.

    Raises:
        OSError: it cannot be written; no part of it is left.
    """
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = (*pixels.shape, 0)[:3]
    # A name of its own, for several processes may write the same entry at a time.
    part = path.with_name(f'{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PART}')
    try:
        with part.open('xb') as file:
            file.write(HEADER.pack(MAGIC, height, width, channels, zlib.crc32(pixels.data)))
            file.write(pixels.data)
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if not (isinstance(error, PermissionError) and path.exists()):  # Windows, where another one has mapped it
            raise
