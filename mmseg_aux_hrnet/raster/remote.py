"""Rasters on servers: how GDAL asks for them, how a failed read is repeated, and how changed files are noticed."""

import logging
import os
import re
import time
from collections import Counter
from functools import cache
from typing import Any, NamedTuple, TypeVar

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from mmseg_aux_hrnet.errors import RasterError
from mmseg_aux_hrnet.files.address import Address, scrub
from mmseg_aux_hrnet.raster.gdal_files import forget, headers_of, problem_of, read_start, size_of

Result = TypeVar('Result')
# For servers only, and a variable of the environment counts more: none of them changes a pixel.
HTTP = {
    'GDAL_HTTP_MERGE_CONSECUTIVE_RANGES': 'YES',
    'GDAL_HTTP_MULTIRANGE': 'YES',  # ranges that do not touch are asked for at a time
    'GDAL_HTTP_MAX_RETRY': '4',
    'GDAL_HTTP_RETRY_DELAY': '0.5',  # seconds, about twice as long each time
    'GDAL_HTTP_CONNECTTIMEOUT': '10',  # seconds
    'GDAL_HTTP_LOW_SPEED_TIME': '30',  # seconds without GDAL_HTTP_LOW_SPEED_LIMIT bytes in each
    'GDAL_HTTP_LOW_SPEED_LIMIT': '100',
    'GDAL_INGESTED_BYTES_AT_OPEN': '32768',  # header and index of most files in one request
    'CPL_VSIL_CURL_CACHE_SIZE': str(64 * 2**20),  # bytes, of all files together
    'VSI_CACHE': 'FALSE',  # a second cache, of each file
}
TOLD = (
    'in ranges, without lists of folders, up to 5 tries each, 64 MB kept; variables of GDAL change that '
    '(docs/maps_remote.md)'
)
PATIENCE = [0.5, 1.0, 2.0, 4.0]  # seconds before a cut answer is asked for again: GDAL does so for codes only
CHECKED_EVERY = 60.0  # seconds of reading
FRESH = 2.0  # seconds: a file is opened several times in a row
SIDE_FILES = ('.aux.xml', '.msk')
GEOTIFF = ('.tif', '.tiff')
RETRIED = re.compile(r'HTTP error code: (\d+) - (\S+?)\.? Retrying')
NOT_ALLOWED = re.compile(r'\b40[13]\b|access ?denied|forbidden|_REQUEST|credential|signature', re.IGNORECASE)
NOT_THERE = re.compile(r'\b404\b|not exist|NoSuch|not found', re.IGNORECASE)
troubles: Counter[str] = Counter()  # what servers did wrong so far, and were asked again for


class Stamp(NamedTuple):
    """What a server says about a file as a whole; ``etag`` and ``modified`` are empty where it does not give them."""

    etag: str
    modified: str
    size: int

    def __str__(self) -> str:
        return f'ETag {self.etag or "none"}, {self.size} bytes, {self.modified or "no date"}'


def http_settings(path: Address) -> dict[str, str]:
    """Return GDAL's settings for a file: it lists no folder, and asks for side files only where there are some."""
    return {**http_defaults(), 'GDAL_DISABLE_READDIR_ON_OPEN': 'TRUE' if _has_side_files(path) else 'EMPTY_DIR'}


def http_defaults() -> dict[str, str]:
    """Return how GDAL asks any server, where no variable of the environment says otherwise; it lists no folder."""
    settings = {name: value for name, value in HTTP.items() if name not in os.environ}
    return {**settings, 'GDAL_DISABLE_READDIR_ON_OPEN': 'EMPTY_DIR'}


@cache
def _has_side_files(path: Address) -> bool:
    if path.is_signed:
        return False
    if path.suffix.lower() not in GEOTIFF:  # a world file, which is called by one of several names
        return True
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN='EMPTY_DIR', **HTTP):
        return any(problem_of(f'{path.gdal}{suffix}') is None for suffix in SIDE_FILES)


class RemoteReader(DatasetReader):
    """A raster on a server, open for reading: a read that fails is tried again.

    Args:
        path: its address.

    Raises:
        RasterError: the file is not there, or may not be read.
        RasterioError: it is not a raster.
    """

    def __init__(self, path: Address) -> None:
        self.address = path
        self._stamp, self._checked = read_stamp(path, age=FRESH), time.monotonic()
        self._patiently(super().__init__, path.gdal, sharing=False)

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the class of rasterio does.

        Raises:
            RasterError: the file was changed since it was opened.
            RasterioError: it still fails after several tries.
        """
        if time.monotonic() - self._checked > CHECKED_EVERY:
            self._check()
        return self._patiently(super().read, *args, **kwargs)

    def read_masks(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the class of rasterio does, as :meth:`read`."""
        return self._patiently(super().read_masks, *args, **kwargs)

    def _patiently(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        seen_whole = False
        for seconds in PATIENCE:
            try:
                return work(*args, **kwargs)
            except RasterioError as error:
                self._check()
                if 'supported file format' in str(error) and (seen_whole or _reads(self.address)):
                    if seen_whole:
                        raise
                    seen_whole = True  # it may have come in parts only the first time
                    continue
                troubles[f'{self.address.host}: answers that were cut or late'] += 1
                time.sleep(seconds)
                forget(self.address)  # GDAL keeps what came of it
        return work(*args, **kwargs)

    def _check(self) -> None:
        now, self._checked = read_stamp(self.address), time.monotonic()
        if now != self._stamp:
            raise RasterError(
                f'{self.address} was changed while it was read ({self._stamp}, now {now}): predict it again'
            )


_stamps: dict[Address, tuple[float, Stamp]] = {}  # and when the server said it


def read_stamp(path: Address, *, age: float = 0.0) -> Stamp:
    """Return what the server says of a file; nothing of its content is read.

    Args:
        path: its address.
        age: seconds for which the last answer is good enough.

    Raises:
        RasterError: the file is not there, or may not be read.
    """
    when, stamp = _stamps.get(path, (0.0, None))
    if stamp is not None and time.monotonic() - when < age:
        return stamp
    said = headers_of(path)
    if said.get('content-length', '').isdecimal() and ('etag' in said or 'last-modified' in said):
        size = int(said['content-length'])
    else:  # of what lies in an archive, for example, only the size is known
        forget(path)
        problem = problem_of(path.gdal)
        if problem is not None:
            raise RasterError(f'{path} {explain(problem)}')
        size = size_of(path)
    now = Stamp(said.get('etag', '').strip('"'), said.get('last-modified', ''), size)
    if stamp not in (None, now):
        forget(path)  # GDAL keeps parts of the file that was there before
    _stamps[path] = time.monotonic(), now
    return now


def explain(problem: str) -> str:
    """Return in words, with advice, what a server said."""
    said = scrub(' '.join(problem.split()).rstrip('.'))
    if NOT_ALLOWED.search(said):
        return (
            f'may not be read ({said}): a signed address may be too old; else give your rights in the variables that '
            'GDAL knows, such as AWS_PROFILE, or AWS_NO_SIGN_REQUEST=YES for an open bucket (docs/maps_remote.md)'
        )
    if NOT_THERE.search(said):
        return f'is not there ({said}): check the address'
    return f'cannot be read ({said or "the server does not answer"}): check the address and the network, then try again'


def read_bytes(path: Address) -> bytes:
    """Return a small file, such as a list of rasters.

    Raises:
        RasterError: it is not there, or cannot be read.
    """
    with rasterio.Env(**http_settings(path)):
        size = read_stamp(path).size
        for seconds in (*PATIENCE, None):
            content = read_start(path, size)
            if len(content) == size:
                return content
            if seconds is None:
                raise RasterError(f'{path} cannot be read: {len(content)} of {size} bytes came')
            time.sleep(seconds)
            forget(path)
    raise AssertionError  # the last of these seconds is None


def _reads(path: Address) -> bool:
    """Return whether the beginning of a file can be read: of one that was cut, GDAL does not know the format."""
    size = min(read_stamp(path).size, 1024)
    forget(path)
    return len(read_start(path, size)) == size


def trouble_note() -> str | None:
    """Return in a line how often servers were asked again since this was last asked, and why; None for never."""
    if not troubles:
        return None
    said = ', '.join(f'{what} ({count} times)' for what, count in sorted(troubles.items()))
    troubles.clear()
    return f'asked again where servers failed: {said}'


class _Listening(logging.Filter):
    """Counts what GDAL asks for again, instead of printing it, and removes secrets of addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        again = RETRIED.search(text)
        if again:
            what = f'HTTP {again[1]}' if again[1] != '0' else 'no answer'
            troubles[f'{Address(again[2]).host}: {what}'] += 1
            return False
        record.msg, record.args = scrub(text), ()
        return True


# Where rasterio logs what GDAL says, and names files. A filter of their parent would not see it.
for _name in ('_env', '_err', '_base', '_io', '_warp', '_vsiopener', 'env', 'shutil', 'vrt'):
    logging.getLogger(f'rasterio.{_name}').addFilter(_Listening())
