"""How a class map follows from probabilities: the most probable class, or a threshold for one of two classes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmseg_aux_hrnet.threshold import Threshold


class Decision(NamedTuple):
    """Of two classes, a pixel is ``class_index`` where the probability of that is ``value`` or more, else the other."""

    class_index: int
    value: float

    @property
    def of_foreground(self) -> float:
        """The least probability of class 1 that makes a pixel class 1."""
        return self.value if self.class_index == 1 else 1 - self.value


def decision_by(threshold: Threshold, class_names: Sequence[str]) -> Decision:
    """Return the decision by a threshold for the class of that name."""
    return Decision(list(class_names).index(threshold.class_name), threshold.value)


def decision_of_head(threshold: float) -> Decision:
    """Return the decision of a one-channel head, which wants its threshold exceeded, not reached."""
    return Decision(1, float(np.nextafter(np.float32(threshold), np.float32(1))))
