"""Chooses which images of a test a report shows: the worst, the median, the best, and an even sample of the rest."""

import math
from collections.abc import Sequence
from typing import Literal

from mmseg_aux_hrnet.report.metrics_file import Report

TileGroup = Literal['worst', 'median', 'best', 'others']

MOST_TILES = 200
IN_A_GROUP = 12  # of the worst, median and best each; a third of the images where there are fewer than 36


def tile_scores(report: Report) -> list[float | None]:
    """Return what images are ranked by, percent: IoU of the class of interest, without one mIoU; None if undefined."""
    name = report['class_of_interest']
    scores = (image['miou'] if name is None else image['iou'][name] for image in report['images'])
    return [None if score is None or math.isnan(score) else score for score in scores]


def choose_images(scores: Sequence[float | None], *, most: int = MOST_TILES) -> dict[TileGroup, list[int]]:
    """Return the places of the images to show by group; worst ones first, then from the median, the best and the rest.

    Equal scores keep the order of the images, so the choice is always the same one. Images without a score are in the
    rest, which is spread evenly: over the ranks, then over those without a score.

    Args:
        scores: one value an image, higher is better; None where there is none.
        most: how many images to show at most, 3 or more.
    """
    ranked = sorted((i for i, score in enumerate(scores) if score is not None), key=lambda i: (scores[i], i))
    count = min(IN_A_GROUP, len(ranked) // 3, most // 3)
    middle, best = (len(ranked) - count) // 2, len(ranked) - count
    rest = ranked[count:middle] + ranked[middle + count : best]
    rest += [i for i, score in enumerate(scores) if score is None]
    left = most - 3 * count
    if len(rest) > left:  # the middles of as many equal parts as there is room for
        rest = [rest[(2 * part + 1) * len(rest) // (2 * left)] for part in range(left)]
    return {
        'worst': ranked[:count],
        'median': ranked[middle : middle + count],
        'best': ranked[best:][::-1],
        'others': rest,
    }


def shown_images(report: Report) -> list[int]:
    """Return the places, in the report's list of images, of those that are shown."""
    return [place for places in choose_images(tile_scores(report)).values() for place in places]
