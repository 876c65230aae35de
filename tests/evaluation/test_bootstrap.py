"""Intervals against closed forms, a slow second implementation, and the truth of a population that is known."""

import math

import numpy as np
import pytest

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.evaluation.bootstrap import intervals, method, paired_difference


def accuracy(counts):
    return {'OA': 100 * int(counts.trace()) / int(counts.sum())}


def foreground(counts):
    (_, wrong), (missed, hits) = counts.tolist()
    whole = hits + wrong + missed
    return {'IoU': 100 * hits / whole if whole else math.nan}


def two_rates(counts):
    return accuracy(counts) | foreground(counts)


def images(seed, number, *, mean_error=0.15):
    """Return counts of images of 1000 pixels whose shares of foreground and of errors differ from image to image."""
    rng = np.random.default_rng(seed)
    positives = (1000 * rng.beta(2, 3, number)).astype(np.int64)
    errors = rng.beta(8 * mean_error, 8 * (1 - mean_error), number)
    missed, wrong = rng.binomial(positives, errors), rng.binomial(1000 - positives, errors)
    counts = [[1000 - positives - wrong, wrong], [missed, positives - missed]]
    return np.array(counts, dtype=np.int64).transpose(2, 0, 1)


def slow_resamples(counts, *, resamples, seed):
    """Sum image after image, without weights."""
    rng = np.random.default_rng(seed)
    done = 0
    while done < resamples:
        for draw in rng.integers(len(counts), size=(min(64, resamples - done), len(counts))):
            yield sum(counts[index] for index in draw)
            done += 1


def test_one_image_has_no_width():
    counts = np.array([[[70, 10], [5, 15]]])
    assert intervals(counts, rates=two_rates, resamples=50) == {'OA': (85.0, 85.0), 'IoU': (50.0, 50.0)}


def test_equal_images_have_no_width():
    counts = np.repeat([[[70, 10], [5, 15]]], 9, axis=0)
    assert intervals(counts, rates=two_rates, resamples=50) == {'OA': (85.0, 85.0), 'IoU': (50.0, 50.0)}


def test_mean_of_equally_large_images_is_that_of_a_binomial():
    """40 images all right or all wrong: a resample is Binomial(40, 0.5), whose 2.5 % points are 14 and 26."""
    counts = np.array([[[1, 0], [0, 0]], [[0, 1], [0, 0]]] * 20)
    low, high = intervals(counts, rates=accuracy, resamples=4000)['OA']
    assert (low, high) == (100 * 14 / 40, 100 * 26 / 40)


@pytest.mark.parametrize('resamples', [1, 63, 64, 200])
def test_equals_the_slow_way(resamples):
    counts = images(1, 23)
    drawn = [two_rates(sums) for sums in slow_resamples(counts, resamples=resamples, seed=7)]
    fast = intervals(counts, rates=two_rates, resamples=resamples, seed=7, level=90)
    for name in ('OA', 'IoU'):
        assert fast[name] == tuple(np.percentile([values[name] for values in drawn], [5, 95]))


def test_paired_difference_equals_the_slow_way():
    first, second = images(1, 23), images(2, 23, mean_error=0.1)
    pairs = zip(*(slow_resamples(counts, resamples=99, seed=3) for counts in (first, second)), strict=True)
    drawn = np.array([accuracy(b)['OA'] - accuracy(a)['OA'] for a, b in pairs])
    fast = paired_difference(first, second, rates=accuracy, resamples=99, seed=3)['OA']
    assert fast.value == accuracy(second.sum(axis=0))['OA'] - accuracy(first.sum(axis=0))['OA']
    assert (fast.low, fast.high) == tuple(np.percentile(drawn, [2.5, 97.5]))
    assert fast.p == min(1.0, 2 * (min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1) / 100)


def test_same_seed_gives_the_same_bits_and_another_does_not():
    counts = images(4, 30)
    once, again, other = (intervals(counts, rates=two_rates, resamples=200, seed=seed) for seed in (5, 5, 6))
    assert once == again
    assert once != other


def test_sums_beyond_float64_stay_exact():
    """The two images differ by one pixel of 2^54, which float64 cannot hold."""
    big = 2**54
    counts = np.array([[[big, 0], [0, 0]], [[big + 1, 0], [0, 0]]])
    seen = set()
    intervals(counts, rates=lambda sums: seen.add(int(sums[0, 0])) or {'OA': 100.0}, resamples=50)
    assert seen == {2 * big, 2 * big + 1, 2 * big + 2}


def test_wider_level_holds_the_narrower():
    counts = images(4, 30)
    narrow, wide = (intervals(counts, rates=accuracy, level=level)['OA'] for level in (50, 99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_interval_covers_the_truth_as_often_as_it_says():
    """300 samples of 60 images from a population of 5000: 95 % of the intervals must hold its IoU, give or take."""
    population = images(11, 5000)
    truth = foreground(population.sum(axis=0))['IoU']
    rng = np.random.default_rng(12)
    held = 0
    for _ in range(300):
        sample = population[rng.choice(len(population), 60, replace=False)]
        low, high = intervals(sample, rates=foreground, resamples=200)['IoU']
        held += low <= truth <= high
    assert 0.91 <= held / 300 <= 0.98


def test_rate_defined_in_too_few_resamples_has_no_interval():
    """With the foreground in two of 40 images, 13 % of the resamples hold none of it; in four of them, under 2 %."""
    empty, full = [[100, 0], [0, 0]], [[50, 10], [10, 30]]
    two, four = np.array([empty] * 38 + [full] * 2), np.array([empty] * 36 + [full] * 4)
    assert all(math.isnan(end) for end in intervals(two, rates=two_rates)['IoU'])
    assert intervals(two, rates=two_rates)['OA'][0] > 90
    assert intervals(four, rates=two_rates)['IoU'] == (60.0, 60.0)


def test_rate_that_is_undefined_over_all_images_has_no_interval_and_no_difference():
    counts = np.array([[[100, 0], [0, 0]]] * 5)
    assert all(math.isnan(end) for end in intervals(counts, rates=foreground)['IoU'])
    assert all(math.isnan(number) for number in paired_difference(counts, counts, rates=foreground)['IoU'])


def test_identical_runs_differ_by_nothing():
    counts = images(4, 30)
    differences = paired_difference(counts, counts.copy(), rates=two_rates)
    assert differences == dict.fromkeys(('IoU', 'OA'), (0.0, 0.0, 0.0, 1.0))


def test_constant_gain_has_no_width_and_the_smallest_p():
    """Every image of 100 pixels gains five right ones, so every resample gains exactly five percent."""
    first = np.array([[[40 + i, 20 - i], [20, 20]] for i in range(12)])
    second = first + np.array([[5, -5], [0, 0]])
    difference = paired_difference(first, second, rates=accuracy, resamples=999)['OA']
    assert difference[:3] == pytest.approx((5.0, 5.0, 5.0), rel=1e-12)
    assert difference.p == pytest.approx(2 / 1000)
    back = paired_difference(second, first, rates=accuracy, resamples=999)['OA']
    assert (back.value, back.p) == (-difference.value, difference.p)


def test_runs_of_a_model_are_averaged():
    first, gain = images(4, 30), np.array([[3, -3], [0, 0]])
    first[:, 0, 1] += 10
    seeds = np.stack([first - gain, first + gain])
    alone = paired_difference(first, seeds, rates=accuracy)['OA']
    assert alone[:3] == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_pairing_narrows_the_interval():
    """Images differ far more among each other than the two models do on them."""
    first = images(4, 40)
    better = first.copy()
    fixed = np.random.default_rng(5).binomial(first[:, 0, 1], 0.2)
    better[:, 0, 0] += fixed
    better[:, 0, 1] -= fixed
    difference = paired_difference(first, better, rates=accuracy)['OA']
    low, high = intervals(first, rates=accuracy)['OA']
    assert 0 < difference.low < difference.value < difference.high
    assert difference.high - difference.low < (high - low) / 3
    assert difference.p < 0.01


def test_p_is_small_as_rarely_as_it_says_where_nothing_differs():
    rng = np.random.default_rng(13)
    small = 0
    for seed in range(300):
        pair = np.stack([images(1000 + seed, 50), images(2000 + seed, 50)])
        swapped = np.where(rng.random(50)[:, None, None] < 0.5, pair, pair[::-1])
        small += paired_difference(*swapped, rates=accuracy, resamples=200)['OA'].p < 0.05
    assert 0.02 <= small / 300 <= 0.09


@pytest.mark.parametrize('shape', [(0, 2, 2), (3, 2, 3), (2, 2), (3, 0, 0)])
def test_counts_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match='one square table of int64'):
        intervals(np.ones(shape, dtype=np.int64), rates=accuracy)


def test_counts_that_are_no_integers_are_refused():
    with pytest.raises(DataError, match='float64'):
        intervals(np.ones((3, 2, 2)), rates=accuracy)


def test_other_images_are_refused():
    with pytest.raises(DataError, match='5 images of 2 classes against 4 images of 2 classes'):
        paired_difference(images(1, 5), images(1, 4), rates=accuracy)


@pytest.mark.parametrize('options', [{'resamples': 0}, {'seed': -1}, {'level': 0}, {'level': 100}])
def test_options_that_give_no_interval_are_refused(options):
    with pytest.raises(ConfigError, match='use at least one'):
        intervals(images(1, 5), rates=accuracy, **options)


def test_method_says_what_was_done_and_warns_of_few_images():
    many, few = (method(images=number, resamples=1000, seed=0, level=95) for number in (276, 3))
    assert '95 % percentile bootstrap over 276 images, 1,000 resamples, seed 0' in many
    assert 'too narrow' in few and 'too narrow' not in many
