"""SHA-256 of files, which may be larger than the memory that is left beside a network."""

import hashlib
from typing import BinaryIO

BLOCK = 2**20  # bytes


def sha256_of(*files: BinaryIO) -> str:
    """Return the SHA-256 of a file, or of several after one another, as 64 hexadecimal digits.

    Args:
        files: open, each read from where it stands to its end.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for file in files:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
