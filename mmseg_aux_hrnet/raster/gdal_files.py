"""GDAL's own functions for files on servers, of which rasterio shows none."""

import ctypes
import os
from functools import cache

import rasterio._base

from mmseg_aux_hrnet.files.address import Address

# Share that is done, a message, and what was handed over; 0 ends the work.
OnProgress = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_double, ctypes.c_char_p, ctypes.c_void_p)


@cache
def gdal_library() -> ctypes.CDLL:
    """Return the GDAL that rasterio uses."""
    library = ctypes.CDLL(rasterio._base.__file__)  # a name is looked for in what it is linked with, too
    text, handle, size = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    words, number, offset = ctypes.POINTER(text), ctypes.c_int, ctypes.c_uint64
    for name, result, arguments in (
        ('VSIGetFileMetadata', words, (text, text, handle)),
        ('CSLDestroy', None, (words,)),
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
        function = getattr(library, name, None)
        if function is not None:  # VSIMultipartUpload... came with GDAL 3.10
            function.restype, function.argtypes = result, arguments
    return library


def forget(path: Address) -> None:
    """Let GDAL ask anew for a file, and for the archive that it lies in."""
    gdal_library().VSICurlPartialClearCache(path.gdal[max(0, path.gdal.rfind('/vsi')) :].encode())


def read_headers(path: Address) -> dict[str, str]:
    """Return what the server says of a file, by names in small letters; nothing where it does not answer."""
    library = gdal_library()
    listed = library.VSIGetFileMetadata(path.gdal.encode(), b'HEADERS', None)
    found: dict[str, str] = {}
    at = 0
    while listed and listed[at]:
        name, _, value = listed[at].decode('utf-8', 'replace').partition('=')
        found[name.lower()] = value
        at += 1
    library.CSLDestroy(listed)
    return found


def stat_problem(name: str) -> str | None:
    """Return what is wrong with a file; None where it is there."""
    library = gdal_library()
    library.VSIErrorReset()
    buffer = ctypes.create_string_buffer(1024)  # larger than what any system has of a file
    if library.VSIStatExL(name.encode(), buffer, 1 | 2 | 4 | 8) == 0:  # existence, nature, size; errors are said
        return None
    said: bytes = library.VSIGetLastErrorMsg()
    return said.decode('utf-8', 'replace')


def size_of(path: Address) -> int:
    """Return the length of a file in bytes; 0 where it cannot be opened."""
    library = gdal_library()
    file = library.VSIFOpenL(path.gdal.encode(), b'rb')
    if not file:
        return 0
    library.VSIFSeekL(file, 0, os.SEEK_END)
    size = int(library.VSIFTellL(file))
    library.VSIFCloseL(file)
    return size
