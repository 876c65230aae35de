"""The colours that classes have on a page."""

import colorsys
from collections.abc import Mapping
from typing import Any

Colour = tuple[int, int, int]

GOLDEN_RATIO = 0.618034  # steps of this round the colour wheel never come back near where they were


def class_colours(metrics: Mapping[str, Any]) -> tuple[Colour, ...]:
    """Return the colour of every class, 0..255: that of its data set, where there is none one of the colour wheel."""
    return tuple(
        _of_the_wheel(index) if row['color'] is None else (row['color'][0], row['color'][1], row['color'][2])
        for index, row in enumerate(metrics['classes'])
    )


def colours_note(metrics: Mapping[str, Any]) -> str:
    """Return where the colours are from, where that is not the data set."""
    given = all(row['color'] is not None for row in metrics['classes'])
    return '' if given else 'No colours were given for the classes, so these are arbitrary.'


def _of_the_wheel(index: int) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(index * GOLDEN_RATIO % 1, 0.75, (0.9, 0.65)[index % 2])
    return round(255 * red), round(255 * green), round(255 * blue)
