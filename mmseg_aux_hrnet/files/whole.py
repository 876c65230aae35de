"""Writes files and folders that are whole or not there: beside under another name, then renamed.

What lies beside a file and belongs to it, by its name, goes with it when it is replaced.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = '.part'  # a write that was cut off leaves this suffix, never the final name
# By suffix, what other programs write beside a file or read there; {stem}.qml is a style of QGIS. Beside a new file it
# would still speak of the old one, such as of its reference system, its nodata or its mean.
# Those of SQLite are from a program that has the old file open or was killed; they would bring the old one back.
LOGS = ('-wal', '-shm', '-journal')
_OF_RASTERS = ('{name}.aux.xml', '{name}.ovr', '{name}.msk', '{name}.vat.dbf', '{stem}.qml')
_OF_GEOTIFF = (*_OF_RASTERS, '{stem}.tfw', '{stem}.tifw')
_OF_SHAPES = ('.shp', '.shx', '.dbf', '.prj', '.cpg', '.qpj', '.sbn', '.sbx', '.qix', '.qml')
COMPANIONS = {
    '.tif': _OF_GEOTIFF,
    '.tiff': _OF_GEOTIFF,
    '.png': ('{name}.aux.xml',),
    '.shp': ('{stem}.shp.xml', *(f'{{stem}}{suffix}' for suffix in _OF_SHAPES)),
    '.geojson': ('{stem}.qml',),
    '.parquet': ('{stem}.qml',),
    '.csv': ('{stem}.csvt',),
    '.gpkg': ('{name}.aux.xml', *(f'{{name}}{suffix}' for suffix in LOGS)),
}


def companions(path: Path) -> list[Path]:
    """Return the names that may lie beside a file and belong to it; of a Shapefile its own too."""
    patterns = COMPANIONS.get(path.suffix.lower(), ())
    return [path.with_name(pattern.format(name=path.name, stem=path.stem)) for pattern in patterns]


def remove_companions(path: Path) -> None:
    """Remove what lies beside a file of the name and belongs to it; of a Shapefile itself too.

    Raises:
        OSError: one cannot be removed.
    """
    for companion in companions(path):
        companion.unlink(missing_ok=True)


def write_whole(path: str | Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds the old content or all of the new one, at any moment.

    Raises:
        OSError: it cannot be written, such as on a full disk; ``path`` is as before and the part is removed.
    """
    with whole_file(path) as part:
        part.write_bytes(content)


def write_first(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds all of it, unless it is there already: the first of several stays.

    Processes that know nothing of each other may call it at the same moment, from any machine.

    Raises:
        OSError: it cannot be written.
    """
    part = unique_part(path)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open('xb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # unlike a renaming it leaves what is there
        except FileExistsError:
            return
        except OSError:  # a file system without links: of those that come in the same moment the last one stays
            if not path.exists():
                os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_file(path: str | Path, *, part: Path | None = None, durable: bool = True) -> Iterator[Path]:
    """Give the name of a file to write, which becomes ``path`` when the block ends, and vanishes when it raises.

    So the block can check what it has written before anybody sees it.

    Args:
        path: an existing file is replaced; the folder is made where missing.
        part: the name that is given, in the same folder; ``path`` with ``PART`` where None, which a later write takes
            up again after a killed one. Several processes that may write one file at a time need :func:`own_part`.
        durable: wait until the content is on the disk, so that a power cut cannot leave an empty file under the final
            name. That takes milliseconds a file: False for thousands of small ones that can be made again.

    Raises:
        OSError: it cannot be written; ``path`` is as before and the part is removed, as after any failure of the block.
    """
    part = Path(f'{path}{PART}') if part is None else part
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        if durable:
            with part.open('rb+') as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def own_part(path: Path, suffix: str = PART) -> Path:
    """Return a hidden name beside ``path`` that no other process of this machine uses."""
    return path.with_name(f'.{path.name}.{os.getpid()}{suffix}')


def unique_part(path: Path) -> Path:
    """Return a hidden name beside ``path`` that no other process of any machine uses."""
    return path.with_name(f'.{path.name}.{uuid.uuid4().hex}{PART}')


@contextmanager
def whole_set(path: Path) -> Iterator[Path]:
    """Give the name of a file to write in a folder of its own; what lies there when the block ends comes to ``path``.

    Others that the block writes beside it come along. The companions of an old file go first, and the file itself comes
    last: at no moment does a new Shapefile stand beside an old table.

    Raises:
        OSError: it cannot be written; what was there is as before, as after any failure of the block.
    """
    folder = path.parent / f'.{path.name}.{os.getpid()}{PART}'
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        yield folder / path.name
        written = sorted(folder.iterdir(), key=lambda file: file.name == path.name)
        for file in written:
            with file.open('rb+') as content:
                os.fsync(content.fileno())
        remove_companions(path)
        for file in written:
            os.replace(file, path.parent / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes ``path`` when the block ends, and vanishes when it raises.

    An existing folder at ``path`` is replaced as a whole: the caller checks before that this is allowed.

    Raises:
        OSError: it cannot be made or renamed; ``path`` is as before.
    """
    target = Path(path).resolve()  # behind a link, so that the link stays one
    part, old = own_part(target), own_part(target, '.old')
    # What a killed run of the same process number left would else be among the new files.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if target.exists():
            os.replace(target, old)  # no system replaces a folder with content by another one in one step
        try:
            os.replace(part, target)
        except OSError:
            if old.exists():
                os.replace(old, target)
            raise
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
