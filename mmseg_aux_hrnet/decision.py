"""A threshold on the probability of one of two classes: its definition, its source, and the pixels that reach it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError

# The word on a command line that puts a stored threshold out of force: leaving the option out would take it.
ARGMAX = 'argmax'
# The form in which checkpoints and reports hold it; a call, because ``class`` cannot be the name of an attribute.
ThresholdRecord = TypedDict('ThresholdRecord', {'class': str, 'value': float})
Values = TypeVar('Values', Tensor, NDArray[Any])


class Threshold(NamedTuple):
    """A pixel is of this class where the class's probability is at least the value, else of the other class.

    Attributes:
        class_name: one of two classes.
        value: within 0 < value < 1, compared as float32.
        class_index: 0 or 1, the place of the class; None until :meth:`among` sets it, because checkpoints and reports
            store the name only.
    """

    class_name: str
    value: float
    class_index: int | None = None

    def __str__(self) -> str:
        return f'{self.class_name} from {self.value:g}'

    def record(self) -> ThresholdRecord:
        """Return the form in which checkpoints and reports hold it."""
        return {'class': self.class_name, 'value': self.value}

    def among(self, names: Sequence[str]) -> 'Threshold':
        """Return the threshold with the index of its class.

        Args:
            names: of the model's classes, in the order of its channels.

        Raises:
            ConfigError: there are other than two classes, or this one is not among them.
        """
        if len(names) != 2:
            raise ConfigError(
                f'a threshold needs two classes, but here are {len(names)}: the most probable one is predicted'
            )
        # Names decide, not places: a checkpoint may have been trained with the classes in another order.
        if self.class_name not in names:
            raise ConfigError(f'threshold of class {self.class_name!r}, but the classes are {", ".join(names)}')
        return self._replace(class_index=list(names).index(self.class_name))

    def decide(self, probability: Values) -> Values:
        """Return where pixels are of class 1, bool; everywhere else they are of class 0.

        Args:
            probability: of the class with the threshold, float32 of any shape, an array or a tensor.
        """
        reached = reaches(probability, self.value)
        return reached if self.place == 1 else ~reached

    @property
    def of_foreground(self) -> float:
        """The least probability of class 1 that makes a pixel class 1."""
        return self.value if self.place == 1 else 1 - self.value

    @property
    def place(self) -> int:
        """The index of the class, 0 or 1; a ``ValueError`` before :meth:`among`, else class 0 would pass for it."""
        if self.class_index is None:
            raise ValueError(f'threshold of class {self.class_name!r} without its index: call among() first')
        return self.class_index


def reaches(probability: Values, threshold: float) -> Values:
    """Return where a probability is at least the threshold, bool; both are compared as float32.

    Thresholds are counted and used with this one comparison, so both agree on every pixel.

    Args:
        probability: float32 of any shape, an array or a tensor.
        threshold: compared after rounding to float32: a Python number would be compared as float64 by some versions of
            numpy, and pixels at exactly the threshold would change sides.
    """
    if isinstance(probability, Tensor):
        return probability >= torch.tensor(threshold, dtype=torch.float32)
    return np.asarray(probability >= np.float32(threshold))


def head_decision(threshold: float, class_name: str) -> Threshold:
    """Return the decision of a one-channel head, which wants its threshold exceeded, not reached.

    Args:
        threshold: of the head, on the probability of class 1.
        class_name: name of class 1.
    """
    return Threshold(class_name, float(np.nextafter(np.float32(threshold), np.float32(1))), 1)


def parse_value(given: Any) -> float:
    """Return a threshold's value.

    Raises:
        ConfigError: it is not a number within 0 < value < 1.
    """
    # Values come from command lines, JSON and checkpoints, so of any type; 0 stands for all that is not a number.
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < 1:
        raise ConfigError(f'threshold {given}: give a number above 0 and below 1, such as 0.42')
    return value


def parse_option(given: str | float | None) -> float | str | None:
    """Return what ``--threshold`` says: a value, ``argmax``, or None where it is not given.

    Raises:
        ConfigError: it says something else.
    """
    if given is None or given == ARGMAX:
        return given
    try:
        return parse_value(given)
    except ConfigError as error:
        raise ConfigError(f'--{error}, or {ARGMAX} for the most probable class') from error


def stored_threshold(meta: Mapping[str, Any], *, source: Any) -> Threshold | None:
    """Return the threshold that a checkpoint's ``meta`` holds, None where it holds none.

    Raises:
        CheckpointError: what it holds is not a threshold.
    """
    stored = meta.get('threshold')
    if stored is None:
        return None
    # The word may mean something else in that file: nothing is predicted by a guess.
    if not isinstance(stored, Mapping) or not isinstance(stored.get('class'), str):
        raise CheckpointError(
            f"{source}: its threshold {stored!r} is not of the form {{'class': 'green', 'value': 0.42}}"
        )
    try:
        return Threshold(stored['class'], parse_value(stored.get('value')))
    except ConfigError as error:
        raise CheckpointError(f'{source}: its {error}') from error


def class_probabilities(scores: Tensor) -> Tensor:
    """Return probabilities, float32 (C, H, W), of what mmseg's segmentors leave in ``seg_logits``.

    That is logits for C > 1, but for C = 1 already the foreground probability: a second sigmoid, as in mmseg's
    ``SegTTAModel``, would lift every pixel above one half. In float32 for all types of scores, because half
    precision knows few numbers near 1.
    """
    return scores.float() if scores.shape[0] == 1 else scores.float().softmax(dim=0)


def two_class_probability(seg_logits: Any, *, class_index: int) -> Tensor:
    """Return the probability of one of two classes, float32 (H, W).

    Args:
        seg_logits: ``PixelData``, or the dict that evaluators make of it, with ``data``: logits (2, H, W);
            probabilities (2, H, W) where it also says ``probabilities=True``, as ``ProbabilityTTAModel`` does; or the
            probability of class 1, (1, H, W), of a head with one channel.
        class_index: 0 or 1.

    Raises:
        ConfigError: the model tells other than two classes.
    """
    scores: Tensor = seg_logits.get('data')
    if scores.shape[0] not in (1, 2):
        raise ConfigError(f'the model has {scores.shape[0]} classes: a threshold on a probability needs two')
    # A head with one channel tells class 1 only, already as a probability.
    if scores.shape[0] == 1:
        foreground = scores[0].float()
        return foreground if class_index == 1 else 1 - foreground
    return (scores.float() if seg_logits.get('probabilities', False) else class_probabilities(scores))[class_index]
