"""Turns blended probabilities into the values that maps hold."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.maps.legend import NODATA

Depth = Literal['uint8', 'uint16']
STEPS = {'uint8': 254, 'uint16': 65534}  # value of probability 1; the one above is nodata


def class_values(
    probabilities: NDArray[np.float32], valid: NDArray[np.bool_], *, decision: Threshold | None
) -> NDArray[np.uint8]:
    """Return the class of every pixel, uint8 (H, W), ``NODATA`` where not valid.

    Args:
        probabilities: float32 (classes, H, W).
        valid: bool (H, W).
        decision: a threshold for one of two classes; None for the most probable class, of equal ones the first.
    """
    if decision is None:
        classes = _most_probable(probabilities)
    else:
        classes = decision.decide(probabilities[decision.class_index]).astype(np.uint8)
    classes[~valid] = NODATA
    return classes


def _most_probable(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return ``argmax`` over the first axis, plane by plane: several times as fast as numpy's own for few planes."""
    classes: NDArray[np.uint8] = np.zeros(probabilities.shape[1:], np.uint8)
    highest = probabilities[0]
    for index, plane in enumerate(probabilities[1:], start=1):
        classes[plane > highest] = index
        highest = np.maximum(highest, plane)
    return classes


def kept_classes(legend: Classes) -> tuple[int, ...]:
    """Return the classes whose probabilities are worth a band: of two the one of interest, else all."""
    if len(legend.names) != 2:
        return tuple(range(len(legend.names)))
    return (1 if legend.of_interest is None else legend.of_interest,)


def probability_values(
    probabilities: NDArray[np.float32], valid: NDArray[np.bool_], *, depth: Depth
) -> NDArray[np.uint8 | np.uint16]:
    """Return probabilities as whole steps, (bands, H, W), rounded half up; one above the last step where not valid.

    Args:
        probabilities: float32 (bands, H, W).
        valid: bool (H, W).
        depth: type of the values.
    """
    steps = STEPS[depth]
    values: NDArray[Any] = np.floor(np.clip(probabilities, 0, 1) * np.float32(steps) + np.float32(0.5)).astype(depth)
    values[:, ~valid] = steps + 1
    return values
