"""Percentile bootstrap over images: intervals of rates, and of the difference between two models on the same images.

Images are drawn with replacement, their counts are summed, and the rates of the sums are taken, as the rates of the
whole test set are (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13). An interval says how far
the rate would move with other images of the same kind. It does not say how far it would move with another training
seed, and images that overlap or neighbour each other are fewer independent ones than they seem. Few images make
intervals too narrow; one image makes them zero.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mmseg_aux_hrnet.errors import ConfigError, DataError, counted
from mmseg_aux_hrnet.evaluation.confusion import Counts

Rates = Callable[[Counts], dict[str, float]]

# A class in one image of many is in 63 % of the resamples, in two of them in 86 %, in three in 95 %: it takes three.
DEFINED_SHARE = 0.9
FEW_IMAGES = 20  # below, reports say that intervals are too narrow
EXACT_IN_FLOAT64 = 2**53
RESAMPLES_AT_ONCE = 64  # bounds the memory of the draws to 64 numbers for each image


class Difference(NamedTuple):
    """How far the second model is above the first in one rate; nan where undefined.

    Attributes:
        value: rate of the second minus rate of the first, over all images.
        low: lower end of the interval of that difference.
        high: upper end.
        p: two-sided p value of the hypothesis that there is no difference, 0..1.
    """

    value: float
    low: float
    high: float
    p: float


def intervals(
    counts: Counts, *, rates: Rates, resamples: int = 1000, seed: int = 0, level: float = 95
) -> dict[str, tuple[float, float]]:
    """Return the lower and upper end of the interval of every rate.

    A resample in which a rate is undefined is left out of the interval of that rate. A rate that is undefined in more
    than 10 % of the resamples, or over all images, has the interval (nan, nan): its class is in too few images.

    Args:
        counts: pixel counts of every image, int64 (N, C, C); rows are the reference, columns the prediction. Or of
            several runs, (runs, N, C, C): the interval is then that of the mean of their rates.
        rates: gives the rates by name from summed counts, int64 (C, C); nan where undefined.
        resamples: how many times N images are drawn.
        seed: the same seed, numbers of images and resamples give the same intervals, bit for bit.
        level: confidence, percent, more than 0 and less than 100.

    Raises:
        ConfigError: no resamples, a negative seed, or no such level.
        DataError: no images, or counts of another shape or kind.
    """
    stacks = _checked([counts], resamples=resamples, seed=seed, level=level)
    whole = _mean_rates(stacks[0].sum(axis=1), rates=rates)
    drawn = [_mean_rates(sums, rates=rates) for (sums,) in _resampled(stacks, resamples=resamples, seed=seed)]
    return {
        name: _interval(value, np.array([values[name] for values in drawn]), level=level)
        for name, value in whole.items()
    }


def paired_difference(
    first: Counts, second: Counts, *, rates: Rates, resamples: int = 1000, seed: int = 0, level: float = 95
) -> dict[str, Difference]:
    """Return, for every rate, how far the second model is above the first on the same images.

    Each resample takes the same images of both, so what makes an image hard for both falls out. A model may be several
    runs, such as training seeds: its rate is then the mean of the rates of its runs. The interval is that of the
    images; how far the runs lie apart is not in it. The p value is twice the smaller share of resamples on either side
    of zero, each counted with one more, so that it is never 0.

    Args:
        first: pixel counts of every image, int64 (N, C, C), or of several runs, (runs, N, C, C).
        second: the same of the other model, images in the same order.
        rates: as in :func:`intervals`.
        resamples: how many times N images are drawn.
        seed: the same seed, numbers of images and resamples give the same differences, bit for bit.
        level: confidence, percent, more than 0 and less than 100.

    Raises:
        ConfigError: no resamples, a negative seed, or no such level.
        DataError: no images, counts of another shape or kind, or of different numbers of images or classes.
    """
    stacks = _checked([first, second], resamples=resamples, seed=seed, level=level)
    whole = [_mean_rates(stack.sum(axis=1), rates=rates) for stack in stacks]
    drawn = [
        [_mean_rates(part, rates=rates) for part in sums] for sums in _resampled(stacks, resamples=resamples, seed=seed)
    ]
    differences = {}
    for name in whole[0]:
        value = whole[1][name] - whole[0][name]
        gaps = np.array([after[name] - before[name] for before, after in drawn])
        low, high = _interval(value, gaps, level=level)
        p = math.nan
        if not math.isnan(low):
            # Resamples without a gap count on both sides; nan counts on neither.
            smaller = min(int((gaps <= 0).sum()), int((gaps >= 0).sum()))
            p = min(1.0, 2 * (smaller + 1) / (int((~np.isnan(gaps)).sum()) + 1))
        differences[name] = Difference(value, low, high, p)
    return differences


def method(*, images: int, resamples: int, seed: int, level: float) -> str:
    """Return in words how intervals were made, for reports."""
    caution = '; so few images make intervals too narrow' if images < FEW_IMAGES else ''
    return (
        f'{level:g} % percentile bootstrap over {counted(images, "image")}, {counted(resamples, "resample")}, '
        f'seed {seed}: the images vary, the model does not; an interval is undefined if the rate is undefined in more '
        f'than 10 % of the resamples{caution}'
    )


def _checked(given: list[Counts], *, resamples: int, seed: int, level: float) -> list[Counts]:
    """Return the counts of each model with an axis for its runs in front; raise if there can be no interval."""
    if resamples < 1 or seed < 0 or not 0 < level < 100:
        raise ConfigError(
            f'{counted(resamples, "resample")} with seed {seed} for intervals of {level} %: use at least one '
            'resample, a seed from 0 on, and more than 0 and less than 100 %'
        )
    # Contiguous once and for all, because every reshape below would copy a strided view again.
    stacks = [np.ascontiguousarray(counts if counts.ndim == 4 else counts[None]) for counts in given]
    for counts in stacks:
        if counts.ndim != 4 or counts.shape[2] != counts.shape[3] or 0 in counts.shape or counts.dtype != np.int64:
            raise DataError(
                f'counts of shape {counts.shape[1:]} and type {counts.dtype}: intervals need one square table of '
                'int64 '
                'for each image, and at least one image'
            )
        if counts.shape[1:] != stacks[0].shape[1:]:
            raise DataError(
                f'{counted(stacks[0].shape[1], "image")} of {counted(stacks[0].shape[2], "class")} against '
                f'{counted(counts.shape[1], "image")} of '
                f'{counted(counts.shape[2], "class")}: a paired difference needs the same images and classes'
            )
    return stacks


def _resampled(stacks: list[Counts], *, resamples: int, seed: int) -> Iterator[list[Counts]]:
    """Yield the summed counts of each stack, int64 (runs, C, C), for every resample; all stacks get the same images."""
    generator = np.random.default_rng(seed)
    images = stacks[0].shape[1]
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        draws = generator.integers(images, size=(min(RESAMPLES_AT_ONCE, resamples - start), images))
        times = np.stack([np.bincount(draw, minlength=images) for draw in draws])
        sums = [np.stack([_weighted_sums(times, run) for run in stack], axis=1) for stack in stacks]
        for index in range(len(times)):
            yield [stack[index] for stack in sums]


def _weighted_sums(times: npt.NDArray[np.int64], counts: Counts) -> Counts:
    """Return int64 (resamples, C, C): the counts (N, C, C) summed as often as each image was drawn, (resamples, N)."""
    images, classes = counts.shape[:2]
    # Products of float64 are many times faster than those of integers, and exact below 2^53.
    exact = int(counts.max()) * images < EXACT_IN_FLOAT64
    dtype = np.float64 if exact else np.int64
    flat = counts.reshape(images, classes * classes)
    sums: Counts = (times.astype(dtype) @ flat.astype(dtype)).astype(np.int64)
    return sums.reshape(-1, classes, classes)


def _mean_rates(sums: Counts, *, rates: Rates) -> dict[str, float]:
    runs = [rates(run) for run in sums]
    return {name: math.fsum(run[name] for run in runs) / len(runs) for name in runs[0]}


def _interval(whole: float, values: npt.NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """Return both ends for the values of the resamples; nan where too few are defined, or ``whole`` is not."""
    defined = values[~np.isnan(values)]
    if math.isnan(whole) or len(defined) < DEFINED_SHARE * len(values):
        return math.nan, math.nan
    tail = (100 - level) / 2
    low, high = np.percentile(defined, [tail, 100 - tail]).tolist()
    return low, high
