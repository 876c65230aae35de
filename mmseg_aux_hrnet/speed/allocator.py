"""Keeps memory that a network has freed for its next pass, where the C library would give it back to the system."""

import ctypes
import platform

# Of glibc's malloc.h. mallopt takes an int.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; return whether the C library could be told so.

    The maps of a network are large. By default, glibc gets each of them from the system and gives it back when it is
    freed, and the system fills every page with zeros at its first use. Only glibc is told; Windows, macOS and musl stay
    as they are. Memory counts as the process's until it ends, but serves all that it allocates later.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, value) for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST)))
