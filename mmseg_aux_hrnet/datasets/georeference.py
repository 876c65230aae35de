"""The georeference of the files of a data set: where they lie, and how a label lies on its image."""

import os
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mmseg_aux_hrnet.errors import DataError, PlaceError

if TYPE_CHECKING:
    from mmseg_aux_hrnet.raster.place import Place, Turn

TIFF_SUFFIXES = ('.tif', '.tiff')
# Size of a pixel, tie points, transform, reference system, GDAL's metadata and nodata: what Pillow does not look at.
NODATA_TAG = 42113
GEOTIFF_TAGS = (33550, 33922, 34264, 34735, 42112, NODATA_TAG)
COMPRESSION_TAG, PHOTOMETRIC_TAG, BANDS_TAG = 259, 262, 277
VALUES_OF = (256, 257, COMPRESSION_TAG, PHOTOMETRIC_TAG, BANDS_TAG)  # the first are width and height
GREYS, UNKNOWN_COMPRESSIONS = (0, 1), (34887, 50001)  # LERC and WEBP
SUBFILE_TAG, COARSE_OR_MASK = 254, 0b101  # of a page that is an overview or a mask of another
MOST_PAGES = 1000  # a damaged file may lead from page to page for ever
WORLD_SUFFIXES = ('.tfw', '.tifw', '.tiffw', '.pgw', '.pngw', '.jgw', '.jpgw', '.jpegw', '.bpw', '.bmpw', '.wld')
BESIDE = ('.aux.xml', '.msk')  # after the whole name, where the others replace the suffix
# What the bytes of a damaged header end in.
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, struct.error)


class TiffHeader(NamedTuple):
    """What the header of a TIFF says.

    Attributes:
        tags: of the first page; values of a few, None for the others.
        pages: number of pages, without overviews and masks.
    """

    tags: Mapping[int, Any]
    pages: int


def tiff_header(path: str | Path) -> TiffHeader | None:
    """Return what the header of a TIFF says, of any compression; None of another file, or where it is damaged."""
    if not str(path).lower().endswith(TIFF_SUFFIXES):
        return None
    try:
        with open(path, 'rb') as file:
            start = file.read(8)
            start += file.read(8) if start[2:3] == b'+' or start[3:4] == b'+' else b''  # 43: a BigTIFF
            directory: Any = ImageFileDirectory_v2(start)
            tags, pages, seen = dict[int, Any](), 0, set[int]()
            while directory.next and directory.next not in seen and len(seen) < MOST_PAGES:
                seen.add(directory.next)
                file.seek(directory.next)
                directory.load(file)
                pages += not int(directory.get(SUBFILE_TAG, 0)) & COARSE_OR_MASK
                # To decode all of them takes as long as to open a tile.
                tags = tags or {tag: directory[tag] if tag in VALUES_OF else None for tag in directory}
            return TiffHeader(tags, pages)
    except DAMAGED:  # the reader of the file says so
        return None


def is_for_gdal(path: str | Path, error_type: type[DataError] = DataError) -> bool:
    """Say whether a file is a TIFF that the reader of maps reads: a georeferenced one, or of a form unknown to Pillow.

    It is georeferenced where it has tags of GDAL, or a file beside it that gives it a place, a mask or a nodata value.

    Raises:
        DataError: of ``error_type``: it has several pages.
    """
    header = tiff_header(path)
    if header is None:
        return False
    if header.pages > 1:
        raise error_type(
            f'{path} has {header.pages} pages: save the page that you mean as its own file, such as with '
            f'gdal_translate GTIFF_DIR:1:{Path(path).name} page.tif'
        )
    grey = header.tags.get(PHOTOMETRIC_TAG) in GREYS and int(header.tags.get(BANDS_TAG, 1)) > 2
    unknown = grey or header.tags.get(COMPRESSION_TAG) in UNKNOWN_COMPRESSIONS
    return unknown or any(tag in header.tags for tag in GEOTIFF_TAGS) or bool(side_files(path))


def side_files(path: str | Path) -> list[str]:
    """Return the world files, masks and notes of GDAL that lie beside a file."""
    folder, name = os.path.split(path)
    try:
        beside = _side_files(folder or '.', os.stat(folder or '.').st_mtime_ns)
    except OSError:  # the reader of the file says so
        return []
    found = (*beside.get(name, ()), *beside.get(os.path.splitext(name)[0], ())) if beside else ()
    return [os.path.join(folder, other) for other in found]


@lru_cache(maxsize=256)
def _side_files(folder: str, stamp: int) -> dict[str, list[str]]:
    """Return the side files in a folder by what they belong to: a name, or for world files a name without suffix.

    The folder is listed once, until ``stamp`` tells that it has changed: to ask for each of a dozen names takes longer
    than to decode a tile on some file systems.
    """
    found: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        suffix = next((suffix for suffix in (*BESIDE, *WORLD_SUFFIXES) if name.lower().endswith(suffix)), None)
        if suffix is not None:
            found.setdefault(name[: -len(suffix)], []).append(name)
    return found


def place_of(path: str | Path) -> 'Place | None':
    """Return where a tile lies, from its header; None where it does not say so.

    Raises:
        RasterError: it cannot be opened as a raster.
        StackError: it is georeferenced, and the extra ``geo`` is not installed.
    """
    if not (side_files(path) or str(path).lower().endswith(TIFF_SUFFIXES)):
        return None
    try:
        status = os.stat(path)
    except OSError:  # the reader of the file says so
        return None
    return _place(str(path), (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=2**17)
def _place(path: str, stamp: tuple[int, ...]) -> 'Place | None':
    """Return the place of a file; ``stamp`` changes with the file, which is then read again."""
    if not (side_files(path) or is_for_gdal(path)):
        return None
    from mmseg_aux_hrnet.raster.place import read_place  # late: the extra ``geo`` may be missing

    return read_place(Path(path))


def turn_of_label(image: str, label: str) -> 'Turn | None':
    """Return what turns a label so that it lies on its image; None where one of them does not say where it lies.

    Raises:
        PlaceError: they lie at different places.
        RasterError: one cannot be opened as a raster.
        StackError: one is georeferenced, and the extra ``geo`` is not installed.
    """
    place = place_of(image)
    other = None if place is None else place_of(label)
    if place is None or other is None:
        return None
    from mmseg_aux_hrnet.raster.place import turn_onto

    turn = turn_onto(place, other)
    if turn is None:
        raise PlaceError(
            f'{label} lies at another place than {image}: its upper left corner at {other}, '
            f'and that of the other at {place}; cut both to the same ground, or remove the wrong georeference'
        )
    return turn
