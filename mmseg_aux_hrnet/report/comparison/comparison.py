"""The figures of a comparison: each group's mean and deviation, its interval, and its difference to the first group."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.evaluation.bootstrap import Difference, intervals, method, paired_difference
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.report.comparison.groups import Group

COLUMNS = ('Precision', 'Recall', 'IoU', 'F1score', 'OA')  # of the table of the aux-HRNet paper, Land 2022, 11(6), 905
LEVEL = 95


class Figure(NamedTuple):
    """One rate of a group, percent; nan where undefined.

    Attributes:
        mean: mean of the runs, undefined if it is so in one of them.
        deviation: sample standard deviation of the runs, nan for a single one.
        low: lower end of the 95 % interval of the mean over images.
        high: upper end.
        runs: the rate of each run.
    """

    mean: float
    deviation: float
    low: float
    high: float
    runs: tuple[float, ...]


class Row(NamedTuple):
    """A group in the comparison: rates and, but for the first, differences to the first group, by column."""

    name: str
    figures: dict[str, Figure]
    differences: dict[str, Difference]


class Comparison(NamedTuple):
    """All that the tables and the picture show.

    Attributes:
        class_name: the class whose rates these are.
        rows: one for each group; the others are compared with the first.
        images: number of images.
        method: how the intervals were made, in words.
    """

    class_name: str
    rows: tuple[Row, ...]
    images: int
    method: str


def compare(groups: Sequence[Group], *, class_name: str, resamples: int = 1000, seed: int = 0) -> Comparison:
    """Return the figures of comparable groups.

    Args:
        groups: runs of the same images and classes; the first group is the one to compare with.
        class_name: the class whose rates are compared.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    index = groups[0].runs[0].classes.index(class_name)
    options = {'resamples': resamples, 'seed': seed}

    def rates(counts: npt.NDArray[np.int64]) -> dict[str, float]:
        return table_rates(counts, index=index)

    rows = []
    for group in groups:
        runs = [rates(run.sum(axis=0)) for run in group.counts]
        ends = intervals(group.counts, rates=rates, level=LEVEL, **options)
        figures = {name: _figure([run[name] for run in runs], ends[name]) for name in COLUMNS}
        apart = group is not groups[0]
        differences = (
            paired_difference(groups[0].counts, group.counts, rates=rates, level=LEVEL, **options) if apart else {}
        )
        rows.append(Row(group.name, figures, differences))
    images = len(groups[0].runs[0].images)
    return Comparison(class_name, tuple(rows), images, method(images=images, level=LEVEL, **options))


def table_rates(counts: npt.NDArray[np.int64], *, index: int) -> dict[str, float]:
    """Return the rates of one class and the overall accuracy by column, percent, nan where undefined.

    Args:
        counts: pixel counts, int64 (C, C); rows are the reference, columns the prediction.
        index: of the class.
    """
    rates = class_rates(counts)[index]
    return dict(
        zip(COLUMNS, (rates.precision, rates.recall, rates.iou, rates.f1, overall_rates(counts).oa), strict=True)
    )


def _figure(values: Sequence[float], ends: tuple[float, float]) -> Figure:
    mean = math.fsum(values) / len(values)
    undefined = len(values) < 2 or math.isnan(mean)
    return Figure(mean, math.nan if undefined else statistics.stdev(values), *ends, tuple(values))
