"""The files that a raster is made of and their content, by which a later run knows whether they are the same."""

import io
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.files.address import Address, as_path
from mmseg_aux_hrnet.files.hashing import sha256_of
from mmseg_aux_hrnet.raster.dataset import gdal, open_dataset
from mmseg_aux_hrnet.raster.remote import Stamp, http_settings, read_stamp

Entry = dict[str, Any]  # of a file, as JSON knows it: its ``name``, the ``sha256`` of what counts of it, its ``stamp``
# A file that was changed so recently may change again without a new time stamp (FAT counts in 2 seconds).
SETTLED_AFTER = 2.5  # seconds
OVERVIEWS = ('.ovr', '.rrd')  # coarse copies, which maps do not use
# What GDAL and QGIS add to a side file when a user looks at a raster.
REMARKS = ('Metadata', 'Histograms', 'GDALRasterAttributeTable', 'CategoryNames')


def raster_files(path: Path) -> list[Path]:
    """Return the files that a raster is made of: itself, masks and side files, and the same of all sources of a VRT.

    Raises:
        StackError: rasters cannot be opened at all.
    """
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        if file not in found and file.suffix.lower() not in OVERVIEWS:
            found[file] = None
            with suppress(RasterError), open_dataset(file) as dataset:  # most side files are no rasters
                waiting += [part for part in map(as_path, dataset.files) if isinstance(part, Address) or part.is_file()]
    return list(found)


def read_content(path: Path, *, earlier: Sequence[Entry] = ()) -> list[Entry]:
    """Return the content of all files of a raster; of one on a server its entity tag, size and date stand for it.

    Args:
        path: the raster.
        earlier: what this function returned before: files that are not touched since are not read again.

    Raises:
        RasterError: a file cannot be read.
    """
    known = {(entry['name'], *entry['stamp']): entry['sha256'] for entry in earlier if entry['stamp']}
    entries = []
    for file in raster_files(path):
        if isinstance(file, Address):
            entries.append({'name': file.name, 'sha256': str(stamp_of(file)), 'stamp': None})
            continue
        try:
            now, status = time.time(), file.stat()
            stamp = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            digest = known.get((file.name, *stamp)) or _digest(file)
        except OSError as error:
            raise RasterError(f'{file} cannot be read ({error.strerror})') from error
        settled = now - max(stamp[2:]) / 1e9 > SETTLED_AFTER  # not so where it is dated in the future: it is read again
        if digest is not None:
            entries.append({'name': file.name, 'sha256': digest, 'stamp': list(stamp) if settled else None})
    return entries


def stamp_of(path: Address) -> Stamp:
    """Return what a server says of a file now.

    Raises:
        RasterError: the file is not there, or may not be read.
    """
    with gdal(**http_settings(path)):
        return read_stamp(path)


def size_and_date(path: Path) -> tuple[int, int | str]:
    """Return the size of a file in bytes, and when it was written: ns since the epoch, or what its server says.

    Raises:
        RasterError: its server does not say.
        OSError: it is not there.
    """
    if isinstance(path, Address):
        stamp = stamp_of(path)
        return stamp.size, stamp.modified
    return path.stat().st_size, path.stat().st_mtime_ns


def unlike_files(old: Sequence[Entry], new: Sequence[Entry]) -> list[str]:
    """Return the names of files whose content is not the same in two records of a raster, or that only one has."""
    before, now = ([(entry['name'], entry['sha256']) for entry in entries] for entries in (old, new))
    unlike = [file for file in (*before, *now) if file not in before or file not in now]
    unlike = unlike or [file for file, other in zip(before, now, strict=True) if file != other]
    return list(dict.fromkeys(name for name, _ in unlike))


def _digest(file: Path) -> str | None:
    """Return the SHA-256 of what counts of a file; None where nothing does."""
    if file.name.endswith('.aux.xml'):
        with suppress(ElementTree.ParseError):
            root = ElementTree.parse(file).getroot()
            for parent in (root, *root):
                for remark in [child for child in parent if child.tag in REMARKS]:
                    parent.remove(remark)
            for band in [child for child in root if child.tag == 'PAMRasterBand' and not len(child)]:
                root.remove(band)
            said = ElementTree.canonicalize(ElementTree.tostring(root, 'unicode'), strip_text=True)
            return sha256_of(io.BytesIO(said.encode())) if len(root) else None
    with file.open('rb') as content:
        return sha256_of(content)
