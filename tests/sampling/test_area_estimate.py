"""Estimates against a published example, a second implementation from single points, and a population that is known."""

import math

import numpy as np
import pytest

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.sampling.area_estimate import estimate_areas

# Olofsson et al. 2014, Remote Sensing of Environment 148, table 8; areas in Landsat pixels of 0.09 ha
NAMES = ('deforestation', 'forest gain', 'stable forest', 'stable non-forest')
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
MAPPED = np.array([200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0])


def estimate(counts, mapped, names=None):
    names = names or [f'class {index}' for index in range(len(mapped))]
    return estimate_areas(np.array(counts), mapped=np.array(mapped, dtype=float), names=names)


def points_of(counts):
    """Return (map class, reference class) of every point, int (n, 2)."""
    cells = [[(i, j)] * int(n) for (i, j), n in np.ndenumerate(counts)]
    return np.array([point for cell in cells for point in cell])


def ratio_from_points(points, mapped, *, numerator, denominator):
    """Combined ratio estimator and its standard error from single points, as in Stehman 2014 (IJRS 35), eq. 27-28."""
    y, x = numerator(points).astype(float), denominator(points).astype(float)
    strata = [points[:, 0] == i for i in range(len(mapped))]
    total_y = sum(area * y[own].mean() for area, own in zip(mapped, strata, strict=True))
    total_x = sum(area * x[own].mean() for area, own in zip(mapped, strata, strict=True))
    ratio = total_y / total_x
    residual = y - ratio * x
    variance = sum(area**2 * residual[own].var(ddof=1) / own.sum() for area, own in zip(mapped, strata, strict=True))
    return 100 * ratio, 100 * math.sqrt(variance) / total_x


def test_published_example():
    """The paper's text on table 8: 235,086 pixels with a 95 % interval of 68,418; overall accuracy 0.947 with 0.018."""
    classes, overall = estimate(COUNTS, MAPPED, NAMES)
    deforestation = classes[0]
    assert round(deforestation.area.value) == 235_086
    assert round(1.96 * deforestation.area.standard_error) == 68_418
    assert [round(c.area.value * 0.09) for c in classes] == [21_158, 11_686, 285_770, 581_386]
    assert round(overall.value, 1) == 94.7
    assert round(1.96 * overall.standard_error, 1) == 1.8
    assert (round(deforestation.users.value), round(1.96 * deforestation.users.standard_error)) == (88, 7)
    assert (round(deforestation.producers.value), round(1.96 * deforestation.producers.standard_error)) == (75, 21)


def test_interval_is_196_standard_errors_wide_on_each_side():
    area = estimate(COUNTS, MAPPED)[0][0].area
    assert area.interval == pytest.approx((235_086.247 - 68_418.160, 235_086.247 + 68_418.160), abs=0.01)


@pytest.mark.parametrize('j', range(4))
def test_accuracies_equal_ratios_from_single_points(j):
    points, (classes, _) = points_of(COUNTS), estimate(COUNTS, MAPPED)
    right = lambda p: (p[:, 0] == j) & (p[:, 1] == j)  # noqa: E731
    users = ratio_from_points(points, MAPPED, numerator=right, denominator=lambda p: p[:, 0] == j)
    producers = ratio_from_points(points, MAPPED, numerator=right, denominator=lambda p: p[:, 1] == j)
    area = ratio_from_points(points, MAPPED, numerator=lambda p: p[:, 1] == j, denominator=lambda p: p[:, 0] >= 0)
    found = classes[j]
    assert (found.users.value, found.users.standard_error) == pytest.approx(users, rel=1e-12)
    assert (found.producers.value, found.producers.standard_error) == pytest.approx(producers, rel=1e-12)
    share = (100 * found.area.value / MAPPED.sum(), 100 * found.area.standard_error / MAPPED.sum())
    assert share == pytest.approx(area, rel=1e-12)


def test_overall_accuracy_equals_the_ratio_from_single_points():
    overall = estimate(COUNTS, MAPPED)[1]
    expected = ratio_from_points(
        points_of(COUNTS), MAPPED, numerator=lambda p: p[:, 0] == p[:, 1], denominator=lambda p: p[:, 0] >= 0
    )
    assert (overall.value, overall.standard_error) == pytest.approx(expected, rel=1e-12)


def test_one_stratum_is_a_simple_random_sample():
    """20 of 100 points are green: the share is 20 % and its standard error the square root of 0.2 * 0.8 / 99."""
    classes, _ = estimate([[80, 20], [0, 0]], [500, 0])
    green = classes[1]
    assert green.area.value == pytest.approx(100)
    assert green.area.standard_error == pytest.approx(500 * math.sqrt(0.16 / 99))
    assert (green.points, green.producers.value) == (0, 0.0)
    assert math.isnan(green.users.value)


def test_sample_without_a_mistake_gives_the_mapped_areas():
    classes, overall = estimate([[50, 0], [0, 30]], [700, 300])
    assert [c.area.value for c in classes] == [700, 300]
    assert [c.area.standard_error for c in classes] == [0, 0]
    assert (overall.value, overall.standard_error) == (100, 0)


def test_class_that_no_point_is_of_has_no_producers_accuracy():
    classes, _ = estimate([[50, 0], [30, 0]], [700, 300])
    assert (classes[1].area.value, classes[1].users.value) == (0, 0)
    assert math.isnan(classes[1].producers.value)


def test_unit_of_the_areas_only_scales_the_areas():
    pixels, hectares = estimate(COUNTS, MAPPED), estimate(COUNTS, MAPPED * 0.09)
    for one, other in zip(pixels[0], hectares[0], strict=True):
        assert other.area.standard_error == pytest.approx(one.area.standard_error * 0.09)
        assert (other.users.value, other.producers.standard_error) == pytest.approx(
            (one.users.value, one.producers.standard_error)
        )


def test_estimates_are_unbiased_and_intervals_hold_the_truth_as_often_as_they_say():
    """1000 samples from a map of 10,000 pixels whose true area of green, 2900 pixels, is not the mapped 2400."""
    population = points_of([[6900, 700], [200, 2200]])
    mapped = np.array([7600.0, 2400.0])
    rng = np.random.default_rng(3)
    areas = []
    for _ in range(1000):
        own = [population[population[:, 0] == i] for i in (0, 1)]
        drawn = np.concatenate([part[rng.integers(len(part), size=n)] for part, n in zip(own, (150, 100), strict=True)])
        counts = np.bincount(2 * drawn[:, 0] + drawn[:, 1], minlength=4).reshape(2, 2)
        areas.append(estimate(counts, mapped)[0][1].area)
    values = np.array([area.value for area in areas])
    held = np.mean([area.interval[0] <= 2900 <= area.interval[1] for area in areas])
    assert values.mean() == pytest.approx(2900, abs=4 * values.std() / math.sqrt(1000))
    assert np.mean([area.standard_error for area in areas]) == pytest.approx(values.std(), rel=0.06)
    assert 0.92 <= held <= 0.97


@pytest.mark.parametrize(
    ('counts', 'mapped', 'message'),
    [
        ([[50, 1], [0, 1]], [700, 300], 'class 1 has 1 point.* mapped area of 300: .* at least 2'),
        ([[50, 1], [0, 0]], [700, 300], 'class 1 has 0 point'),
        ([[50, 1], [0, 5]], [700, 0], 'class 1 has 5 point.* but no mapped area'),
        ([[50, 1], [0, 5]], [700, -3], 'numbers from 0 on'),
        ([[50, 1], [0, 5]], [700, math.nan], 'numbers from 0 on'),
        ([[50, 1], [0, 5]], [0, 0], 'at least one of them above 0'),
        ([[50, 1]], [700, 300], r'shape \(1, 2\) .* for 2 classes'),
    ],
)
def test_sample_that_gives_no_estimate_is_refused(counts, mapped, message):
    with pytest.raises(DataError, match=message):
        estimate(counts, mapped)
