"""Files on servers as GDAL sees them: what their headers say, their size, their first bytes."""

import ctypes
import os
import sys
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from typing import Any

import rasterio._base

from mmseg_aux_hrnet.errors import StackError
from mmseg_aux_hrnet.files.address import Address

# Share that is done, a message, and what was handed over; 0 ends the work.
OnProgress = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double, ctypes.c_char_p, ctypes.c_void_p)


def forget(path: Address) -> None:
    """Make GDAL ask again for a file, and for the archive that it lies in."""
    library().VSICurlPartialClearCache(path.gdal[max(0, path.gdal.rfind('/vsi')) :].encode())


def read_start(path: Address, size: int) -> bytes:
    """Return the first bytes of a file, or fewer where the server fails."""
    gdal, buffer = library(), ctypes.create_string_buffer(size)
    file = gdal.VSIFOpenL(path.gdal.encode(), b'rb')
    if not file:
        return b''
    count = gdal.VSIFReadL(buffer, 1, size, file)
    gdal.VSIFCloseL(file)
    return buffer.raw[:count]


def headers_of(path: Address) -> dict[str, str]:
    """Return the headers of the answer for a file, by name in lower case; empty where the server fails."""
    listed = _taken(library().VSIGetFileMetadata(path.gdal.encode(), b'HEADERS', None))
    return {name.lower(): value for name, _, value in (header.partition('=') for header in listed)}


def names_in(path: Address) -> set[str]:
    """Return the names of what is in a folder; GDAL does not say when a server fails, and gives none or the first."""
    return {*_taken(library().VSIReadDirEx(path.gdal.encode(), 0))}


def _taken(listed: Any) -> list[str]:
    """Return the texts of a list of GDAL, which is freed."""
    found: list[str] = []
    while listed and listed[len(found)]:
        found.append(listed[len(found)].decode('utf-8', 'replace'))
    library().CSLDestroy(listed)
    return found


def problem_of(name: str) -> str | None:
    """Return what is wrong with a file; None where it is there."""
    gdal = library()
    gdal.VSIErrorReset()
    buffer = ctypes.create_string_buffer(1024)  # larger than what any system has of a file
    if gdal.VSIStatExL(name.encode(), buffer, 1 | 2 | 4 | 8) == 0:  # existence, nature, size; errors are kept
        return None
    said: bytes = gdal.VSIGetLastErrorMsg()
    return said.decode('utf-8', 'replace')


def size_of(path: Address) -> int:
    """Return the bytes of a file; 0 where it cannot be opened."""
    gdal = library()
    file = gdal.VSIFOpenL(path.gdal.encode(), b'rb')
    if not file:
        return 0
    gdal.VSIFSeekL(file, 0, os.SEEK_END)
    size = int(gdal.VSIFTellL(file))
    gdal.VSIFCloseL(file)
    return size


def _file_of_gdal() -> str:
    """Return the file of rasterio's GDAL, or one that is linked with it."""
    module = Path(rasterio._base.__file__)
    if sys.platform != 'win32':
        return str(module)  # a name is looked for in what it is linked with, too
    # Windows looks in the file itself only; pip puts GDAL beside rasterio, conda on the path.
    beside = sorted((module.parents[1] / 'rasterio.libs').glob('gdal*.dll'))
    return str(beside[0]) if beside else find_library('gdal') or str(module)


@cache
def library() -> ctypes.CDLL:
    """Return the GDAL that rasterio uses: rasterio shows none of its functions for files.

    Raises:
        StackError: it is not found.
    """
    loaded = ctypes.CDLL(_file_of_gdal())
    if not hasattr(loaded, 'VSIFOpenL'):
        raise StackError(
            f'the GDAL of {Path(rasterio._base.__file__).parent} is not found, by which addresses are read: copy the '
            'files to this machine, or install rasterio by pip'
        )
    text, handle, size = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    words, number, offset = ctypes.POINTER(text), ctypes.c_int, ctypes.c_uint64
    for name, result, arguments in (
        ('VSIGetFileMetadata', words, (text, text, handle)),
        ('CSLDestroy', None, (words,)),
        ('VSIReadDirEx', words, (text, number)),
        ('VSIErrorReset', None, ()),
        ('VSIGetLastErrorMsg', text, ()),
        ('VSIStatExL', ctypes.c_int, (text, handle, ctypes.c_int)),
        ('VSICurlPartialClearCache', None, (text,)),
        ('VSIFOpenL', handle, (text, text)),
        ('VSIFReadL', size, (handle, size, size, handle)),
        ('VSIFSeekL', ctypes.c_int, (handle, ctypes.c_uint64, ctypes.c_int)),
        ('VSIFTellL', ctypes.c_uint64, (handle,)),
        ('VSIFCloseL', ctypes.c_int, (handle,)),
        ('VSIUnlink', ctypes.c_int, (text,)),
        ('VSICopyFile', ctypes.c_int, (text, text, handle, ctypes.c_uint64, handle, OnProgress, handle)),
        ('VSIMultipartUploadStart', text, (text, handle)),
        ('VSIMultipartUploadAddPart', text, (text, text, number, offset, text, size, handle)),
        ('VSIMultipartUploadEnd', number, (text, text, size, words, offset, handle)),
        ('CPLErrorReset', None, ()),
        ('CPLGetLastErrorMsg', text, ()),
    ):
        function = getattr(loaded, name, None)
        if function is not None:  # VSIMultipartUpload... came with GDAL 3.10
            function.restype, function.argtypes = result, arguments
    return loaded
