"""How well an index agrees with a reference at every one of 1,001 thresholds, exactly.

A pixel is vegetation where ``index >= threshold``. Each pixel is counted once, at the number of thresholds that its
index reaches, compared as float64; so sums of these counts are what a loop over the thresholds would count.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.evaluation.rates import class_rates, overall_rates
from mmseg_aux_hrnet.maps.indices.reference import OTHER, UNKNOWN, VEGETATION

Floats = NDArray[np.float64]
STEPS = 1000
Criterion = Literal['kappa', 'accuracy', 'f1', 'iou', 'otsu']
CRITERIA: tuple[Criterion, ...] = ('kappa', 'accuracy', 'f1', 'iou')  # those that need a reference
LEFT_OUT = ('no data', 'too dark', 'undefined', 'no reference')


def thresholds(low: float, high: float) -> Floats:
    """Return 1,001 evenly spread thresholds, float64, each the number nearest to its decimal fraction."""
    # In decimals, because users write 0.114 and compare with that, not with a sum of steps that is a little beside it.
    first, last = Decimal(repr(float(low))), Decimal(repr(float(high)))
    return np.array([float(first + (last - first) * step / STEPS) for step in range(STEPS + 1)])


@dataclass
class IndexCounts:
    """The pixels of a scene by level, to be added up.

    Attributes:
        pixels: that reach so many thresholds and are other, vegetation or without reference, int64 (3, 1002).
        sums: of their index, float64 (1002,).
        left_out: pixels by reason, in the order of ``LEFT_OUT``, int64 (4,).
    """

    pixels: NDArray[np.int64]
    sums: Floats
    left_out: NDArray[np.int64]

    @classmethod
    def empty(cls) -> 'IndexCounts':
        """Return counts of nothing."""
        return cls(np.zeros((3, STEPS + 2), np.int64), np.zeros(STEPS + 2), np.zeros(len(LEFT_OUT), np.int64))

    @classmethod
    def total(cls, parts: Iterable['IndexCounts']) -> 'IndexCounts':
        """Return the counts of several scenes together."""
        whole = cls.empty()
        for part in parts:
            whole.pixels += part.pixels
            whole.sums += part.sums
            whole.left_out += part.left_out
        return whole

    def add(self, values: Floats, reference: NDArray[np.uint8], *, limits: Floats) -> None:
        """Count pixels.

        Args:
            values: of the index, float64 (N,), finite.
            reference: ``OTHER``, ``VEGETATION`` or ``UNKNOWN``, uint8 (N,).
            limits: the thresholds.
        """
        level = levels_of(values, limits)
        size = STEPS + 2
        codes = level + size * reference.astype(np.intp)
        self.pixels += np.bincount(codes, minlength=3 * size).reshape(3, size)
        self.sums += np.bincount(level, values, minlength=size)


def levels_of(values: Floats, limits: Floats) -> NDArray[np.intp]:
    """Return how many thresholds each value reaches, 0 to 1001, as ``searchsorted`` with ``side='right'`` does.

    Args:
        values: float64 (N,), finite.
        limits: evenly spread thresholds, ascending.
    """
    low, step = limits[0], (limits[-1] - limits[0]) / STEPS
    # A product and two comparisons: to search 1,001 thresholds takes five times as long.
    level: NDArray[np.intp] = np.clip((values - low) / step + 1, 0, STEPS + 1).astype(np.intp)
    edges = np.concatenate([[-np.inf], limits, [np.inf]])  # the value of level n is at least the n-th
    level -= values < edges.take(level)
    level += values >= edges.take(level + 1)
    return level


class Agreement(NamedTuple):
    """How an index agrees with a reference at a threshold: percent, kappa -1..1, nan where undefined; pixels."""

    threshold: float
    accuracy: float
    kappa: float
    f1: float
    iou: float
    precision: float
    recall: float
    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int


class Sweep(NamedTuple):
    """What thresholds do in a scene.

    Attributes:
        name: of the scene.
        counts: what it follows from.
        curve: at each threshold; empty without a reference.
        otsu: Otsu's threshold, that of the largest variance between the two groups of pixels; None where there are not
            two groups. It needs no reference.
    """

    name: str
    counts: IndexCounts
    curve: tuple[Agreement, ...]
    otsu: float | None

    @property
    def compared(self) -> int:
        """Pixels with an index and a reference."""
        return int(self.counts.pixels[:UNKNOWN].sum())

    def missing(self) -> str | None:
        """Return which of the two the reference lacks where there is an index, None for neither."""
        other, vegetation = self.counts.pixels[:UNKNOWN].sum(axis=1).tolist()
        return 'vegetation' if not vegetation else 'other' if not other else None

    def best(self, criterion: Criterion) -> Agreement | None:
        """Return where a figure is highest, of equal ones at the lowest threshold; None where it is undefined."""
        if self.missing() is not None or criterion == 'otsu':
            return None
        defined = [at for at in self.curve if not math.isnan(getattr(at, criterion))]
        return max(defined, key=lambda at: getattr(at, criterion), default=None)

    def threshold(self, criterion: Criterion) -> float | None:
        """Return the threshold that is best by a criterion; None where there is none."""
        if criterion == 'otsu':
            return self.otsu
        best = self.best(criterion)
        return None if best is None else best.threshold


def sweep(name: str, counts: IndexCounts, limits: Floats) -> Sweep:
    """Return the figures of a scene at every threshold."""
    # What reaches threshold i is at a level above i.
    reached = counts.pixels[:, ::-1].cumsum(axis=1)[:, ::-1]
    totals, alarms, hits = reached[:, 0], reached[OTHER, 1:], reached[VEGETATION, 1:]
    curve = []
    if totals[:UNKNOWN].any():
        known: dict[bytes, Agreement] = {}
        tables = np.stack([totals[OTHER] - alarms, alarms, totals[VEGETATION] - hits, hits], axis=1)
        for threshold, row in zip(limits.tolist(), tables, strict=True):
            if row.tobytes() not in known:  # neighbouring thresholds of 8-bit rasters part the same pixels
                overall, of_class = overall_rates(row.reshape(2, 2)), class_rates(row.reshape(2, 2))[1]
                known[row.tobytes()] = Agreement(
                    0.0, overall.oa, overall.kappa, of_class.f1, of_class.iou, of_class.precision, of_class.recall,
                    *row.tolist(),
                )  # fmt: skip
            curve.append(known[row.tobytes()]._replace(threshold=threshold))
    return Sweep(name, counts, tuple(curve), otsu_threshold(counts, limits))


def otsu_threshold(counts: IndexCounts, limits: Floats) -> float | None:
    """Return the threshold with the largest variance between the pixels below it and the others.

    With n and m the number and the mean index of both groups it is n0 n1 (m0 - m1)^2 (Otsu 1979,
    doi 10.1109/TSMC.1979.4310076), of the values themselves, not of the middles of bins. Of equal ones the lowest.
    """
    number, total = counts.pixels.sum(axis=0), counts.sums
    above, above_sum = (each[::-1].cumsum()[::-1][1:] for each in (number, total))
    below, below_sum = number.sum() - above, total.sum() - above_sum
    both = (above > 0) & (below > 0)
    if not both.any():
        return None
    n0, n1 = below[both].astype(np.float64), above[both].astype(np.float64)
    variance = n0 * n1 * (below_sum[both] / n0 - above_sum[both] / n1) ** 2
    # Sums in another order differ in their last digits, and equal variances would become different.
    best = np.flatnonzero(variance >= variance.max() * (1 - 1e-12))[0]
    return float(limits[both][best])
