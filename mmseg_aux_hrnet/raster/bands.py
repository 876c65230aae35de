"""Which bands of a raster a network is shown: by the names that it gives them, or as the command line says."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from mmseg_aux_hrnet.bands import MOST_BANDS, RGB
from mmseg_aux_hrnet.errors import ConfigError, counted

COLOURS = RGB
UNINTERPRETED = ('gray', 'undefined')  # what GTiff says where a file says nothing: grey first, the rest undefined
INVISIBLE = ('nir', 'near infrared', 'near-infrared', 'infrared', 'swir', 'rededge', 'red edge')
NUMBERED = re.compile(r'(layer|band)?[ _-]?\d+', re.IGNORECASE)  # names that formats give where a file has none
ALPHA = 'alpha'
SPELLINGS = {'near infrared': 'nir', 'near-infrared': 'nir', 'red edge': 'rededge'}  # in descriptions


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
        # GTiff calls any three 8-bit bands red, green and blue: what one is described as counts more.
        own = '' if self.described in (*COLOURS, *INVISIBLE) else self.interpretation.lower()
        return {own, self.described} - {'', 'undefined'}

    @property
    def described(self) -> str:
        """The description in small letters; empty where there is none."""
        return (self.description or '').strip().lower()

    def __str__(self) -> str:
        return f'{self.number} {self.interpretation}' + (f' ({self.description})' if self.description else '')


Choice = tuple[tuple[int, ...], str | None]  # of bands from 1, and what a user should know about it


def parse_bands(text: str, *, count: int | None = len(COLOURS)) -> tuple[str, ...]:
    """Return the names or indices of ``--bands``.

    Args:
        text: of the option, with commas.
        count: how many they must be; None where only a model knows.

    Raises:
        ConfigError: they are not as many.
    """
    parts = tuple(part.strip() for part in text.split(','))
    if not all(parts) or len(parts) > MOST_BANDS or len(parts) != (count or len(parts)):
        words = 'three' if count == len(COLOURS) else str(count or f'1 to {MOST_BANDS}')
        raise ConfigError(
            f'--bands is {text!r}, and {words} names or indices from 1 are needed, such as red,green,blue or 3,2,1'
        )
    return parts


def choose_bands(bands: Sequence[Band], wanted: Sequence[str] | None, *, names: Sequence[str] = COLOURS) -> Choice:
    """Return which bands of a raster are those with ``names``, and a note; None where the raster said it for certain.

    Args:
        bands: all of the raster.
        wanted: for each name the band's own name (colour interpretation or description, in any case) or index from 1;
            None for what the raster says.
        names: of the bands that are needed, in their order.

    Raises:
        ConfigError: a wanted band is missing or ambiguous, or the raster does not say for certain; lists the bands.
    """
    if wanted is None:
        if tuple(names) == COLOURS:
            return _interpreted(bands)
        try:
            return by_name(bands, names), None
        except ConfigError as error:
            raise ConfigError(f'{error}: give --bands with the number of each, for {",".join(names)}') from error
    if len(wanted) != len(names):
        raise ConfigError(
            f'--bands names {counted(len(wanted), "band")} ({",".join(wanted)}): give {len(names)}, for '
            f'{",".join(names)}'
        )
    found = [_find(bands, name) for name in wanted]
    missing = [name for name, index in zip(wanted, found, strict=True) if index is None]
    if missing:
        raise ConfigError(f'no band is named {" or ".join(missing)}; the bands are {_list(bands)}')
    return tuple(index or 0 for index in found), None


def by_name(bands: Sequence[Band], names: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers of the bands with ``names``, from 1; a description counts more than a colour interpretation.

    GDAL calls any three 8-bit bands red, green and blue, and a fourth one alpha.

    Raises:
        ConfigError: a band is missing or ambiguous; lists the bands.
    """
    known = {*COLOURS, *INVISIBLE, *names}
    chosen, missing = [], []
    for name in names:
        hits = [band for band in bands if SPELLINGS.get(band.described, band.described) == name]
        hits = hits or [band for band in bands if band.interpretation == name and band.described not in known]
        if len(hits) > 1:
            numbers = ' and '.join(str(band.number) for band in hits)
            raise ConfigError(f'bands {numbers} are both named {name}: give indices; the bands are {_list(bands)}')
        if hits:
            chosen.append(hits[0].number)
        else:
            missing.append(name)
    if missing:
        raise ConfigError(f'no band is named {" or ".join(missing)}; the bands are {_list(bands)}')
    return tuple(chosen)


def _find(bands: Sequence[Band], name: str) -> int | None:
    if name.isdecimal():
        return next((band.number for band in bands if band.number == int(name)), None)
    hits = [band.number for band in bands if name.lower() in band.names()]
    if len(hits) > 1:
        numbers = ' and '.join(map(str, hits))
        raise ConfigError(f'bands {numbers} are both named {name}: give indices; the bands are {_list(bands)}')
    return hits[0] if hits else None


def _interpreted(bands: Sequence[Band]) -> Choice:
    """Return the bands that the colour interpretation names, or three without an interpretation, in their order."""
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
            f'one colour band is not three ({_list(bands)}): if the model was trained on grey images, '
            f'give --bands {",".join([str(seen[0].number)] * 3)}'
        )
    if len(seen) == len(COLOURS) and all(band.interpretation in UNINTERPRETED for band in seen):
        return _in_order(seen)
    raise ConfigError(
        f'the raster does not name its red, green and blue bands ({_list(bands)}): '
        'give --bands with three names or indices'
    )


def _in_order(three: Sequence[Band]) -> Choice:
    if not any(band.description and not NUMBERED.fullmatch(band.description.strip()) for band in three):
        red, green, blue = (band.number for band in three)
        note = f'the bands have no colours: {red}, {green} and {blue} are taken as red, green and blue'
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
