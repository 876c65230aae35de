"""Addresses of files that lie on servers and in buckets: paths whose secrets nobody sees."""

import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mmseg_aux_hrnet.errors import ConfigError

VSI = '/vsi'  # what all names of GDAL's virtual files begin with
SCHEMES = {
    'http': '/vsicurl/http://',
    'https': '/vsicurl/https://',
    'ftp': '/vsicurl/ftp://',
    's3': '/vsis3/',
    'gs': '/vsigs/',
    'az': '/vsiaz/',
    'adls': '/vsiadls/',
    'oss': '/vsioss/',
}
SCHEME = re.compile(r'([a-z][a-z0-9+.-]+):(//?)(?=[^/])', re.IGNORECASE)  # one letter is a drive of Windows
SECRET = re.compile(
    r'(?<=[a-z0-9]:/)(/?)[^/\s@]*@|(?<=\S)[?#][^\s\'",;)]+', re.IGNORECASE
)  # user and password; a query


def scrub(text: str) -> str:
    """Return text without what addresses in it hold beside host and path: signatures, keys and passwords."""
    return SECRET.sub(r'\1', text) if '://' in text or VSI in text else text


def as_path(text: str | Path) -> Path:
    """Return an :class:`Address` for what is one, and a path for all else.

    Raises:
        ConfigError: files cannot be read from there.
    """
    if isinstance(text, Address):
        return text
    words = os.fspath(text)
    if words.startswith(VSI):
        return Address(words)
    scheme = SCHEME.match(words)
    if scheme is None:
        return Path(text)
    name = scheme[1].lower()
    if name not in SCHEMES:
        if scheme[2] == '/':  # a folder whose name ends in a colon
            return Path(text)
        raise ConfigError(
            f'{scrub(words)} cannot be read: an address begins with one of '
            f'{", ".join(f"{known}://" for known in SCHEMES)}, or with the {VSI}... of GDAL'
        )
    return Address(f'{name}://{words[scheme.end() :]}')  # a Path that was made of it has lost a slash


class Address(type(Path())):  # type: ignore[misc]  # the class of paths of this system
    """The address of a file on a server, as a path, so that whoever takes files takes it too.

    As text, in messages and in what is written it is without user, password and query: the query of a signed address is
    its key. ``name``, ``stem`` and ``suffix`` are those of the file. It lies in no folder of this machine: ``exists``
    and ``is_file`` say no.

    Args:
        text: such as ``https://host/x.tif?signature=...``, ``s3://bucket/x.tif``, or ``/vsi...`` as in GDAL.
    """

    def __new__(cls, text: str) -> 'Address':
        """Make a path of what may be seen."""
        path: Address = super().__new__(cls, _shown(text))
        path._text = text
        return path

    if sys.version_info >= (3, 12):  # where paths are made of what __init__ is given

        def __init__(self, text: str) -> None:
            """Take up what may be seen."""
            super().__init__(_shown(text))

    @property
    def gdal(self) -> str:
        """The name by which GDAL reads it, with its secrets: for GDAL only."""
        if self._text.startswith(VSI):
            return str(self._text)
        scheme, rest = self._text.split('://', 1)
        return SCHEMES[scheme] + str(rest)

    @property
    def host(self) -> str:
        """The server or bucket."""
        return urlsplit(str(self)[max(0, str(self).find('http')) :]).netloc or str(self).strip('/').split('/')[1]

    @property
    def is_signed(self) -> bool:
        """Whether it has a query, behind which no name of another file can be made."""
        return '?' in self._text

    @property
    def parent(self) -> Path:
        """What it lies in, for messages."""
        return Path(str(self)).parent

    def with_segments(self, *parts: str) -> Path:
        """Return what is derived from it as a path like any other (Python 3.12)."""
        return Path(*parts)

    def resolve(self, strict: bool = False) -> 'Address':
        """Return itself."""
        return self

    def absolute(self) -> 'Address':
        """Return itself."""
        return self

    def __str__(self) -> str:
        """Return what may be seen."""
        return _shown(self._text)

    def __fspath__(self) -> str:
        """Return what may be seen."""
        return str(self)

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the same address, with the same query."""
        return isinstance(other, Address) and self.gdal == other.gdal

    def __hash__(self) -> int:
        """Return that of the whole address."""
        return hash(self.gdal)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to other processes whole: they have to read the file too."""
        return Address, (self._text,)


def _shown(text: str) -> str:
    if text.startswith('/vsicurl?'):  # its options may be headers with keys
        return f'/vsicurl/{scrub(parse_qs(text.partition("?")[2]).get("url", [""])[0])}'
    return scrub(text)
