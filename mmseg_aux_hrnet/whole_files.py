"""Writes files that are whole or not there: beside under another name, then renamed."""

import os
from pathlib import Path

PART = '.part'  # a write that was cut off leaves this suffix, never the final name


def write_whole(path: str | Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either what it held before or all of it, at any moment.

    Raises:
        OSError: it cannot be written, such as on a full disk; ``path`` is as before and the part is removed.
    """
    part = Path(f'{path}{PART}')
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # the content before the name: a power cut must not leave an empty whole file
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
