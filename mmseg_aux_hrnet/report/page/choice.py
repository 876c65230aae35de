"""Chooses which images of a test a report shows: the worst, the median, the best, and an even sample of the rest."""

import colorsys
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Group = Literal['worst', 'median', 'best', 'others']

MOST_TILES = 200
IN_A_GROUP = 12  # of the worst, median and best each; a third of the images where there are fewer than 36


class Choice(NamedTuple):
    """An image that is shown.

    Attributes:
        place: of the image in the metrics' list of images.
        group: why it is shown.
    """

    place: int
    group: Group


def tile_scores(metrics: Mapping[str, Any]) -> list[float | None]:
    """Return what images are ranked by, percent: IoU of the class of interest, without one mIoU; None if undefined."""
    name = metrics['class_of_interest']
    scores = (image['miou'] if name is None else image['iou'][name] for image in metrics['images'])
    return [None if score is None or math.isnan(score) else score for score in scores]


def choose_images(scores: Sequence[float | None], *, most: int = MOST_TILES) -> list[Choice]:
    """Return the images to show, group by group; worst ones first, then from the median, the best and the rest.

    Equal scores keep the order of the images, so the choice is always the same one. Images without a score are in the
    rest, which is spread evenly: over the ranks, then over those without a score.

    Args:
        scores: one value an image, higher is better; None where there is none.
        most: how many images to show at most, 3 or more.
    """
    ranked = sorted((i for i, score in enumerate(scores) if score is not None), key=lambda i: (scores[i], i))
    count = min(IN_A_GROUP, len(ranked) // 3, most // 3)
    middle = (len(ranked) - count) // 2
    best = len(ranked) - count
    chosen = [Choice(i, 'worst') for i in ranked[:count]]
    chosen += [Choice(i, 'median') for i in ranked[middle : middle + count]]
    chosen += [Choice(i, 'best') for i in reversed(ranked[best:])]
    rest = ranked[count:middle] + ranked[middle + count : best]
    rest += [i for i, score in enumerate(scores) if score is None]
    return chosen + [Choice(i, 'others') for i in _spread(rest, most - len(chosen))]


def _spread(items: Sequence[int], count: int) -> list[int]:
    """Return ``count`` items at even distances, all where there are no more."""
    if len(items) <= count:
        return list(items)
    return [items[(2 * k + 1) * len(items) // (2 * count)] for k in range(count)]


def shown_images(metrics: Mapping[str, Any]) -> list[int]:
    """Return the places, in the metrics' list of images, of those that are shown."""
    return [choice.place for choice in choose_images(tile_scores(metrics))]


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
