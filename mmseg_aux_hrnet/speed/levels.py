"""The levels of the switch."""

from typing import Literal, get_args

from mmseg_aux_hrnet.errors import ConfigError

Level = Literal['off', 'safe', 'max']
LEVELS: tuple[Level, ...] = get_args(Level)
DEFAULT: Level = 'safe'


def check_level(level: str) -> None:
    """Raise unless there is such a level.

    Raises:
        ConfigError: there is none.
    """
    if level not in LEVELS:
        raise ConfigError(f'speed {level!r} is unknown: use one of {", ".join(LEVELS)}')
