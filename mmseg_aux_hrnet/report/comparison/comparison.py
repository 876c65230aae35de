"""The figures of a comparison: each group's mean and deviation, its interval, and its difference to the first group."""

import math
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mmseg_aux_hrnet.evaluation.bootstrap import Difference, intervals, method, paired_difference
from mmseg_aux_hrnet.evaluation.confusion import Counts
from mmseg_aux_hrnet.evaluation.metrics import CLASS_METRICS
from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.report.comparison.report_folder import Run

# The headings of the table of the aux-HRNet paper, Land 2022, 11(6), 905, which writes F1 in its own way.
COLUMNS = ('Precision', 'Recall', 'IoU', 'F1score', 'OA')
LEVEL = 95


class GroupRate(NamedTuple):
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
    """A group in the comparison: rates and, except in the first, differences to the first group, by column."""

    name: str
    rates: dict[str, GroupRate]
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


def compare(
    groups: Mapping[str, Sequence[Run]], *, class_name: str, resamples: int = 1000, seed: int = 0
) -> Comparison:
    """Return the figures of comparable groups.

    Args:
        groups: runs of the same images and classes by the name of their method; the first is the one to compare with.
        class_name: the class whose rates are compared.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    first = next(iter(groups.values()))[0]
    rates = partial(table_rates, index=first.classes.index(class_name))
    options: dict[str, Any] = {'resamples': resamples, 'seed': seed, 'level': LEVEL}
    # One stack for each group: a resample draws the same images for all of its runs.
    stacks = {name: np.stack([run.counts for run in runs]) for name, runs in groups.items()}
    base = next(iter(stacks.values()))
    rows = []
    for name, counts in stacks.items():
        ends = intervals(counts, rates=rates, **options)
        runs = [rates(run) for run in counts.sum(axis=1)]
        figures = {}
        for column in COLUMNS:
            values = tuple(run[column] for run in runs)
            mean = math.fsum(values) / len(values)
            # Of a sample, not of a population: seeds are a few of many. One run has none.
            deviation = statistics.stdev(values) if len(values) > 1 and not math.isnan(mean) else math.nan
            figures[column] = GroupRate(mean, deviation, *ends[column], values)
        differences = {} if counts is base else paired_difference(base, counts, rates=rates, **options)
        rows.append(Row(name, figures, differences))
    return Comparison(class_name, tuple(rows), len(first.images), method(images=len(first.images), **options))


def table_rates(counts: Counts, *, index: int) -> dict[str, float]:
    """Return the rates of one class and the overall accuracy by column, percent, nan where undefined.

    Args:
        counts: pixel counts, int64 (C, C); rows are the reference, columns the prediction.
        index: of the class.
    """
    rates = class_rates(counts)[index]
    values = [getattr(rates, metric.key) for metric in CLASS_METRICS]
    return dict(zip(COLUMNS, (*values, overall_rates(counts).oa), strict=True))
