"""The bands of images: their names, their order and the rule of their values; of data sets, networks, maps, exports."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mmseg_aux_hrnet.errors import ConfigError

RGB = ('red', 'green', 'blue')
MOST_BANDS = 12
Range = tuple[float, float]


class Bands(NamedTuple):
    """What a network is shown of an image, in the order in which it is shown.

    A loaded image holds its bands in this order too, except that three bands lie in reverse: mmseg loads blue, green,
    red, and its data preprocessor turns three channels round (``bgr_to_rgb``), and no other number.

    Attributes:
        names: of each band, such as red, green, blue, nir; all different.
        scale: for each band the stored values that become 0 and 255, what lies beyond is clipped; None for 8-bit values
            as they are.
    """

    names: tuple[str, ...] = RGB
    scale: tuple[Range, ...] | None = None

    @property
    def loaded(self) -> tuple[str, ...]:
        """The names in the order of the channels of a loaded image."""
        return self.names[::-1] if len(self.names) == len(RGB) else self.names

    @property
    def words(self) -> str:
        """The names in a sentence; RGB where they are red, green and blue."""
        return 'RGB' if self.names == RGB else ', '.join(self.names)

    @property
    def rule(self) -> str:
        """The rule of each band in a sentence, such as ``red 0:3000, nir 500:1500``; empty without one."""
        if self.scale is None:
            return ''
        pairs = zip(self.names, self.scale, strict=True)
        return ', '.join(f'{name} {low:.12g}:{high:.12g}' for name, (low, high) in pairs)

    @property
    def plain(self) -> bool:
        """Whether these are 8-bit red, green and blue, which every loader and every tool of mmseg reads."""
        return self == Bands()

    def of(self, names: Sequence[str]) -> 'Bands':
        """Return some of these bands by name, with their rule.

        Raises:
            ConfigError: one is not among them.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise ConfigError(
                f'{", ".join(missing)} is not among the bands {", ".join(self.names)}: name some of these'
            )
        places = [self.names.index(name) for name in names]
        return Bands(tuple(names), None if self.scale is None else tuple(self.scale[place] for place in places))

    def shown(self, names: Sequence[str] | None = None) -> 'Bands':
        """Return the three bands that a picture shows as red, green and blue.

        Args:
            names: three of the bands, which need not differ; None for red, green and blue where all three are there,
                else the first three, or the first as grey where there are not three.

        Raises:
            ConfigError: they are not three, or one is not among the bands.
        """
        if names is None:
            names = self.names[:3] if len(self.names) >= len(RGB) else self.names[:1] * 3
            names = RGB if set(RGB) <= set(self.names) else names
        if len(names) != len(RGB):
            raise ConfigError(
                f'{",".join(names)}: name three bands to show as red, green and blue, such as nir,red,green'
            )
        return self.of(names)

    def meta(self) -> dict[str, Any]:
        """Return them as metainfo and ``dataset_meta`` of checkpoints hold them; plain RGB says nothing."""
        if self.plain:
            return {}
        scale = None if self.scale is None else [list(pair) for pair in self.scale]
        return {'bands': list(self.names), 'scale': scale}


def make_bands(names: Sequence[str] | None, scale: Sequence[Any] | None = None) -> Bands:
    """Return bands of what a config or a file says.

    Args:
        names: of the bands; None for red, green and blue.
        scale: (low, high) of each band, or one pair for all; None for none.

    Raises:
        ConfigError: names are missing, double or too many, or the rule is not one of numbers.
    """
    given = RGB if names is None else names
    named = () if isinstance(given, str) else tuple(str(name).strip().lower() for name in given)
    if not 1 <= len(named) <= MOST_BANDS or len(set(named)) != len(named) or not all(named):
        raise ConfigError(f'bands {given!r}: give 1 to {MOST_BANDS} different names, such as ("red", "green", "nir")')
    if scale is None:
        return Bands(named)
    try:
        single = len(scale) == 2 and not any(hasattr(part, '__len__') for part in scale)
        pairs = [scale] * len(named) if single else list(scale)
        ranges = tuple((float(low), float(high)) for low, high in pairs)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'scale {scale!r}: give (low, high) of each band, or one pair for all') from error
    if len(ranges) != len(named) or not all(math.isfinite(high - low) and low < high for low, high in ranges):
        raise ConfigError(
            f'scale {scale!r}: give {len(named)} pairs (low, high), or one for all, each low below its high'
        )
    return Bands(named, ranges)


def parse_shown(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of ``--show``, of a text with commas or of a list."""
    parts = given.split(',') if isinstance(given, str) else given
    return tuple(part.strip().lower() for part in parts)


def bands_in(meta: Mapping[str, Any]) -> Bands:
    """Return the bands that a data set's metainfo or a checkpoint's ``dataset_meta`` names; RGB where it names none.

    Raises:
        ConfigError: see :func:`make_bands`.
    """
    return make_bands(meta.get('bands'), meta.get('scale'))


def check_same_bands(trained: Bands, given: Bands, *, source: str, same_rule: bool = True) -> None:
    """Raise where a network would be shown other bands than those that it was trained on, or in another order.

    Args:
        trained: those of the network.
        given: those of the data.
        source: who was trained, for the message.
        same_rule: their values have to be scaled alike too.

    Raises:
        ConfigError: names both.
    """
    if trained.names != given.names:
        raise ConfigError(
            f'{source} was trained on the bands {", ".join(trained.names)}, and the data set of this config gives '
            f'{", ".join(given.names)}: use data with the same bands in the same order'
        )
    if same_rule and trained.scale != given.scale:
        raise ConfigError(
            f'{source} was trained on values scaled by {_rule(trained)}, and the data set of this config scales by '
            f'{_rule(given)}: use one rule for both, see "scale" of dataset.json'
        )


def _rule(bands: Bands) -> str:
    if bands.scale is None:
        return 'no rule (8 bits)'
    return ','.join(f'{low:g}:{high:g}' for low, high in bands.scale)
