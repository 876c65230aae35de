"""The maps that lie over a tile, classes and errors, and their colours."""

import colorsys
from typing import NamedTuple

import numpy as np

from mmseg_aux_hrnet.classes import Colour
from mmseg_aux_hrnet.evaluation.tile_keeper import ClassMap
from mmseg_aux_hrnet.report.metrics_file import Report
from mmseg_aux_hrnet.visualization import overlay

GOLDEN_RATIO = 0.618034  # steps of this round the colour wheel never come back near where they were


class ErrorKind(NamedTuple):
    """One value of an error map.

    Attributes:
        value: in the map.
        name: for the legend.
        colour: red, green, blue, as in the other pictures; with a black and a grey. A test measures how far apart they
            are in simulated colour blindness.
    """

    value: int
    name: str
    colour: Colour


# The values go into palette PNGs, where any byte would do; 0 stays free for what has no colour.
RIGHT = 0  # right, and not the class of interest: the image stays bare
HIT = ErrorKind(1, 'correct (TP)', overlay.CORRECT)
FALSE = ErrorKind(2, 'false alarm (FP)', overlay.FALSE_ALARM)
MISSED = ErrorKind(3, 'missed (FN)', overlay.MISSED)
CONFUSED = ErrorKind(4, 'wrong between other classes', (0, 0, 0))
NOT_COUNTED = ErrorKind(5, 'ignored, not counted', (150, 150, 150))
# Without a class of interest a mistake is neither missed nor a false alarm; it borrows the colour of one.
WRONG = ErrorKind(3, 'wrong', overlay.MISSED)


def error_kinds(num_classes: int, class_of_interest: int | None) -> tuple[ErrorKind, ...]:
    """Return the kinds that :func:`error_map` can hold, for the legend and the colours."""
    if class_of_interest is None:
        return (WRONG, NOT_COUNTED)
    return (HIT, FALSE, MISSED, *((CONFUSED,) if num_classes > 2 else ()), NOT_COUNTED)


def error_map(prediction: ClassMap, label: ClassMap, *, num_classes: int, class_of_interest: int | None) -> ClassMap:
    """Return the kind of every pixel, uint8 (H, W).

    Args:
        prediction: predicted classes, uint8 (H, W).
        label: reference classes, uint8 (H, W); values above the classes are not counted.
        num_classes: count of the classes.
        class_of_interest: index of the class whose hits, false alarms and misses have colours; if None, right and
            wrong pixels are.
    """
    counted = label < num_classes
    wrong = (prediction != label) & counted
    kinds = np.full(label.shape, RIGHT, np.uint8)
    if class_of_interest is None:
        kinds[wrong] = WRONG.value
    else:
        # From the general to the special: each line overwrites pixels of the one before.
        kinds[wrong] = CONFUSED.value
        kinds[(prediction == class_of_interest) & ~wrong & counted] = HIT.value
        kinds[(prediction == class_of_interest) & wrong] = FALSE.value
        kinds[(label == class_of_interest) & wrong] = MISSED.value
    kinds[~counted] = NOT_COUNTED.value
    return kinds


def class_colours(report: Report) -> tuple[Colour, ...]:
    """Return the colour of every class, 0..255: that of its data set, where there is none one of the colour wheel."""
    colours = []
    for index, row in enumerate(report['classes']):
        # Light and dark in turn, so that neighbours differ even where their hues are hard to tell apart.
        wheel = colorsys.hsv_to_rgb(index * GOLDEN_RATIO % 1, 0.75, (0.9, 0.65)[index % 2])
        red, green, blue = row['color'] or (round(255 * part) for part in wheel)
        colours.append((red, green, blue))
    return tuple(colours)


def class_overlay(report: Report) -> dict[int, Colour]:
    """Return the colours that are laid over an image, by class: of two, only that of the class of interest."""
    names, of_interest = [row['name'] for row in report['classes']], report['class_of_interest']
    return {
        index: colour
        for index, (name, colour) in enumerate(zip(names, class_colours(report), strict=True))
        if len(names) != 2 or of_interest in (None, name)
    }
