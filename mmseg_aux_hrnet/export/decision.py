"""How a class map follows from probabilities: the most probable class, or a threshold for one of two classes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError

EQUAL_ODDS = 0.5
ARGMAX = 'argmax'


class Threshold(NamedTuple):
    """Of two classes, a pixel is ``class_index`` where the probability of that is ``value`` or more, else the other."""

    class_index: int
    value: float

    @property
    def of_foreground(self) -> float:
        """The least probability of class 1 that makes a pixel class 1."""
        return self.value if self.class_index == 1 else 1 - self.value


def requested_threshold(text: str, class_names: Sequence[str]) -> Threshold | None:
    """Return the threshold that a command line gives for class 1, None for ``argmax``.

    Raises:
        ConfigError: the text is no number between 0 and 1, or there are other than two classes.
    """
    if text == ARGMAX:
        return None
    if len(class_names) != 2:
        raise ConfigError(f'--threshold {text}: the model tells {len(class_names)} classes, a threshold is for two')
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ConfigError(f'--threshold {text}: give a number between 0 and 1, or {ARGMAX}')
    return Threshold(class_index=1, value=value)


def stored_threshold(meta: Mapping[str, Any], class_names: Sequence[str]) -> Threshold | None:
    """Return the threshold that a checkpoint's meta holds: ``{'class': NAME, 'value': NUMBER}`` as ``threshold``.

    Raises:
        CheckpointError: it names no class of a two-class model, or no number between 0 and 1.
    """
    stored = meta.get('threshold')
    if stored is None:
        return None
    try:
        index, value = list(class_names).index(stored['class']), float(stored['value'])
    except (TypeError, KeyError, ValueError):
        index, value = -1, 0.0
    if index < 0 or not 0 < value < 1 or len(class_names) != 2:
        raise CheckpointError(
            f'the checkpoint stores the threshold {stored!r} for the classes {", ".join(class_names)}: expected a '
            f'class of two and a value between 0 and 1; give --threshold NUMBER, or --threshold {ARGMAX}'
        )
    return Threshold(class_index=index, value=value)


def threshold_of_head(value: float) -> Threshold:
    """Return the threshold of a one-channel head, which mmseg's heads want exceeded, not reached."""
    return Threshold(class_index=1, value=float(np.nextafter(np.float32(value), np.float32(1))))
