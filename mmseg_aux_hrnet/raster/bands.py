"""Which three bands of a raster are its red, green and blue: as it says itself or as the command line says."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from mmseg_aux_hrnet.errors import ConfigError

COLOURS = ('red', 'green', 'blue')
UNINTERPRETED = ('gray', 'undefined')  # what GTiff says where nobody said anything: grey first, the rest undefined
INVISIBLE = ('nir', 'near infrared', 'near-infrared', 'infrared', 'swir', 'rededge', 'red edge')
NUMBERED = re.compile(r'(layer|band)?[ _-]?\d+', re.IGNORECASE)  # names that formats give where nobody said any
ALPHA = 'alpha'


class Band(NamedTuple):
    """What a raster says of one of its bands.

    Attributes:
        number: from 1.
        interpretation: GDAL's colour interpretation, such as red, gray, alpha or undefined.
        description: a name of any kind; None where there is none.
    """

    number: int
    interpretation: str
    description: str | None = None

    def names(self) -> set[str]:
        """Return the names by which a command line may ask for the band, in small letters."""
        said = {self.interpretation.lower(), (self.description or '').strip().lower()}
        return said - {'', 'undefined'}

    def __str__(self) -> str:
        return f'{self.number} {self.interpretation}' + (f' ({self.description})' if self.description else '')


Choice = tuple[tuple[int, int, int], str | None]  # of bands from 1, and what a user should know about it


def parse_bands(text: str) -> tuple[str, str, str]:
    """Return the three names or indices of ``--bands``.

    Raises:
        ConfigError: they are not three.
    """
    parts = [part.strip() for part in text.split(',')]
    if len(parts) != len(COLOURS) or not all(parts):
        raise ConfigError(
            f'--bands is {text!r}, and three names or indices from 1 are needed, such as red,green,blue or 3,2,1'
        )
    return parts[0], parts[1], parts[2]


def choose_bands(bands: Sequence[Band], wanted: Sequence[str] | None) -> Choice:
    """Return which bands are red, green and blue, and a note; None where the raster said it for certain.

    Args:
        bands: all of the raster.
        wanted: three names (colour interpretation or description, in any case) or indices from 1; None for what the
            colour interpretation says.

    Raises:
        ConfigError: a wanted band is missing or ambiguous, or the raster does not say for certain; lists the bands.
    """
    if wanted is None:
        return _interpreted(bands)
    found = [_find(bands, name) for name in wanted]
    missing = [name for name, index in zip(wanted, found, strict=True) if index is None]
    if missing:
        raise ConfigError(f'no band is named {" or ".join(missing)}; the bands are {_list(bands)}')
    return (found[0] or 0, found[1] or 0, found[2] or 0), None


def _find(bands: Sequence[Band], name: str) -> int | None:
    if name.isdecimal():
        return next((band.number for band in bands if band.number == int(name)), None)
    hits = [band.number for band in bands if name.lower() in band.names()]
    if len(hits) > 1:
        numbers = ' and '.join(map(str, hits))
        raise ConfigError(f'bands {numbers} are both named {name}: give indices; the bands are {_list(bands)}')
    return hits[0] if hits else None


def _interpreted(bands: Sequence[Band]) -> Choice:
    """Return the bands that the colour interpretation names, or three that nothing is said of, in their order."""
    colours = [[band for band in bands if band.interpretation == colour] for colour in COLOURS]
    if all(len(hits) == 1 for hits in colours):
        red, green, blue = (hits[0] for hits in colours)
        for band in (red, green, blue):
            # GTiff calls any three 8-bit bands red, green and blue: a description of another colour counts more.
            description = (band.description or '').strip().lower()
            if description in (*COLOURS, *INVISIBLE) and description != band.interpretation:
                raise ConfigError(
                    f'band {band.number} is interpreted as {band.interpretation} but described as {band.description}: '
                    f'give --bands with indices; the bands are {_list(bands)}'
                )
        return (red.number, green.number, blue.number), None
    seen = [band for band in bands if band.interpretation != ALPHA]
    if len(seen) == 1:
        raise ConfigError(
            f'one band of colours is not three ({_list(bands)}): if the model was trained on grey images, '
            f'give --bands {",".join([str(seen[0].number)] * 3)}'
        )
    if len(seen) == len(COLOURS) and all(band.interpretation in UNINTERPRETED for band in seen):
        return _in_order(seen)
    raise ConfigError(
        f'the raster does not say which of its bands are red, green and blue ({_list(bands)}): '
        'give --bands with three names or indices'
    )


def _in_order(three: Sequence[Band]) -> Choice:
    if not any(band.description and not NUMBERED.fullmatch(band.description.strip()) for band in three):
        red, green, blue = (band.number for band in three)
        note = f'no colours are said of the bands, {red}, {green} and {blue} are taken as red, green and blue'
        return (red, green, blue), note
    named = [[band.number for band in three if colour in band.names()] for colour in COLOURS]
    if any(len(hits) != 1 for hits in named):
        raise ConfigError(
            f'the names of the bands are not red, green and blue ({_list(three)}): '
            'give --bands with three names or indices'
        )
    red, green, blue = (hits[0] for hits in named)
    return (red, green, blue), None


def _list(bands: Sequence[Band]) -> str:
    return ', '.join(map(str, bands))
