"""A threshold on the probability of one of two classes: what it is, and which one holds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError

ARGMAX = 'argmax'


class Threshold(NamedTuple):
    """A pixel is of this class where the class's probability is at least the value, else of the other class.

    Attributes:
        class_name: one of two classes.
        value: within 0 < value < 1.
    """

    class_name: str
    value: float

    def __str__(self) -> str:
        return f'{self.class_name} from {self.value:g}'

    def record(self) -> dict[str, Any]:
        """Return the form in which checkpoints and reports hold it."""
        return {'class': self.class_name, 'value': self.value}


def parse_value(given: Any) -> float:
    """Return a threshold's value.

    Raises:
        ConfigError: it is no number within 0 < value < 1.
    """
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < 1:
        raise ConfigError(f'threshold {given}: give a number above 0 and below 1, such as 0.42')
    return value


def parse_option(text: str | None) -> float | str | None:
    """Return what ``--threshold`` says: a value, ``argmax``, or None where it is not given.

    Raises:
        ConfigError: it says something else.
    """
    if text is None or text == ARGMAX:
        return text
    try:
        return parse_value(text)
    except ConfigError as error:
        raise ConfigError(f'--{error}, or {ARGMAX} for the most probable class') from error


def stored_threshold(meta: Mapping[str, Any], *, source: Any) -> Threshold | None:
    """Return the threshold that a checkpoint's ``meta`` holds, None where it holds none.

    Raises:
        CheckpointError: what it holds is no threshold.
    """
    held = meta.get('threshold')
    if held is None:
        return None
    if not isinstance(held, Mapping) or not isinstance(held.get('class'), str):
        raise CheckpointError(
            f"{source}: its threshold {held!r} is not of the form {{'class': 'green', 'value': 0.42}}"
        )
    try:
        return Threshold(held['class'], parse_value(held.get('value')))
    except ConfigError as error:
        raise CheckpointError(f'{source}: its {error}') from error
