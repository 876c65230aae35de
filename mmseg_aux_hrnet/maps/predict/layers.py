"""What the files of a map hold of the probabilities: classes, probabilities in steps, and where the model is unsure."""

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold, reaches
from mmseg_aux_hrnet.maps.class_map.geotiff import Layer
from mmseg_aux_hrnet.maps.legend import NODATA, main_class
from mmseg_aux_hrnet.maps.predict.settings import STEPS, Depth
from mmseg_aux_hrnet.maps.styles import STYLE, ramp_style

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def class_values(probabilities: Floats, valid: Mask, *, decision: Threshold | None) -> NDArray[np.uint8]:
    """Return the class of every pixel, uint8 (H, W), ``NODATA`` where not valid.

    Args:
        probabilities: float32 (classes, H, W).
        valid: bool (H, W).
        decision: a threshold for one of two classes; None for the most probable class, of equal ones the first.
    """
    if decision is None:
        # The first of the most probable, plane by plane: for few planes several times as fast as numpy's argmax.
        classes: NDArray[np.uint8] = np.zeros(valid.shape, np.uint8)
        highest = probabilities[0]
        for index, plane in enumerate(probabilities[1:], start=1):
            classes[plane > highest] = index
            highest = np.maximum(highest, plane)
    else:
        classes = decision.decide(probabilities[decision.place]).astype(np.uint8)
    classes[~valid] = NODATA
    return classes


def kept_classes(legend: Classes) -> tuple[int, ...]:
    """Return the classes whose probabilities are worth a band: of two the one of interest, else all."""
    if len(legend.names) != 2:
        return tuple(range(len(legend.names)))
    return (1 if legend.of_interest is None else legend.of_interest,)


def probability_layer(legend: Classes, depth: Depth, tags: dict[str, str]) -> Layer:
    """Return the layer of probabilities."""
    kept = kept_classes(legend)
    names = tuple(f'probability of {legend.names[index]}' for index in kept)
    style = ramp_style(1 if len(kept) == 1 else main_class(legend) + 1)
    return Layer(depth, STEPS[depth] + 1, names, tags, step=1 / STEPS[depth], beside={STYLE: style})


def in_steps(shares: Floats, valid: Mask, *, depth: Depth) -> NDArray[np.unsignedinteger]:
    """Return shares 0..1 in whole steps, (bands, H, W), the one above 1 where not valid.

    Args:
        shares: float32 (bands, H, W).
        valid: bool (H, W).
        depth: of the result.
    """
    steps = STEPS[depth]
    # Half up, in float32 as ever: numpy rounds halves to even numbers, which would make other files.
    halved_up = np.floor(np.clip(shares, 0, 1) * np.float32(steps) + np.float32(0.5))
    whole: NDArray[np.unsignedinteger] = halved_up.astype(depth)
    whole[:, ~valid] = steps + 1  # nodata, the one value above 1
    return whole


def uncertainty(probabilities: Floats, *, decision: Threshold | None) -> Floats:
    """Return how near each pixel is to another class, 0 for sure to 1 for a tie, float32 (H, W).

    That is 1 less the margin between the two most probable classes. Where a threshold decides, the tie is there, and
    both sides are measured from it: p / t below, and (1 - p) / (1 - t) from t on. At 0.5 both rules are one.

    Args:
        probabilities: float32 (classes, H, W).
        decision: a threshold for one of two classes; None for the most probable class.
    """
    if decision is not None:
        share, tie = probabilities[decision.place], np.float32(decision.value)
        below, above = (np.maximum(side, np.finfo(np.float32).tiny) for side in (tie, 1 - tie))
        return np.asarray(np.where(reaches(share, decision.value), (1 - share) / above, share / below), np.float32)
    highest, second = probabilities[0], np.zeros_like(probabilities[0])
    for plane in probabilities[1:]:
        second = np.maximum(second, np.minimum(highest, plane))
        highest = np.maximum(highest, plane)
    return np.asarray(1 - (highest - second))


def uncertainty_meaning(decision: Threshold | None) -> str:
    """Return what :func:`uncertainty` gives, in a line."""
    if decision is None:
        return '1 - margin between the two most probable classes'
    return f'nearness of the probability of {decision.class_name} to the threshold {decision.value:.9g}, on each side'
