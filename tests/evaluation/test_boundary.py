"""Contours by hand, and against a second implementation with distances from every pixel to every other."""

import math

import numpy as np
import pytest
from evaluation_support import random_maps, u8
from scipy.ndimage import binary_erosion, distance_transform_edt

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.evaluation import boundary
from mmseg_aux_hrnet.evaluation.boundary import boundary_counts, boundary_rates


def square(*, top, left, side=6, shape=(20, 24)):
    values = np.zeros(shape, np.uint8)
    values[top : top + side, left : left + side] = 1
    return values


def patches(seed, *, num_classes=2, shape=(31, 43)):
    """Return maps of blobs, so that contours are near each other but not everywhere, with ignored pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, num_classes, (shape[0] // 6 + 1, shape[1] // 6 + 1), dtype=np.uint8)
    label = coarse.repeat(6, axis=0).repeat(6, axis=1)[: shape[0], : shape[1]].copy()
    prediction = np.roll(label, (1, 2), axis=(0, 1))
    label[4:9, 10:30] = 255
    return prediction, label


def slow_counts(prediction, label, index, *, tolerance):
    """Count by scipy: erosions whose border and ignored pixels count as the class, exact Euclidean distances."""
    valid = label != 255
    masks = [valid & (values == index) for values in (prediction, label)]
    solid = [mask | ~valid for mask in masks]
    contours = [mask & ~binary_erosion(full, border_value=1) for mask, full in zip(masks, solid, strict=True)]
    near = [distance_transform_edt(~c) <= tolerance if c.any() else np.zeros_like(c) for c in contours]
    block = np.ones((3, 3))
    regions = [
        mask & ~binary_erosion(full, block, iterations=int(tolerance), border_value=1)
        for mask, full in zip(masks, solid, strict=True)
    ]
    parts = (
        contours[0], contours[0] & near[1], contours[1], contours[1] & near[0],
        regions[0] & regions[1], regions[0] | regions[1],
    )  # fmt: skip
    return [int(part.sum()) for part in parts]


def test_a_shifted_square_by_hand():
    """6 x 6, moved by one column, tolerance 1: all 20 contour pixels are near, and the regions are the contours."""
    counts = boundary_counts(square(top=5, left=9), square(top=5, left=8), num_classes=2, tolerance=1)
    assert counts[1, :4].tolist() == [20, 20, 20, 20]
    # Of the contours only top and bottom rows meet, 5 pixels each: their left and right sides are a column apart.
    assert counts[1, 4:].tolist() == [10, 30]
    green = boundary_rates(counts)[1]
    assert green == (100.0, pytest.approx(100 / 3))


def test_a_square_that_is_too_far_away_in_part():
    """Moved by three columns, tolerance 2: the outer sides, 6 pixels each, are 3 away; all else is near, 14 of 20."""
    counts = boundary_counts(square(top=5, left=8), square(top=5, left=11), num_classes=2, tolerance=2)
    # Regions: 36 pixels without the inner 4; of the 18 that the squares share, 2 lie in the inside of either.
    assert counts[1].tolist() == [20, 14, 20, 14, 14, 50]
    green = boundary_rates(counts)[1]
    assert green == pytest.approx((70.0, 28.0))


def test_equal_maps_are_perfect():
    label = square(top=5, left=8)
    rates = boundary_rates(boundary_counts(label, label, num_classes=2, tolerance=2))
    assert list(rates) == [(100.0, 100.0)] * 2


@pytest.mark.parametrize('tolerance', [1, 1.5, 2, 3, 4.9, 25])
@pytest.mark.parametrize('num_classes', [2, 4])
def test_equals_a_second_implementation(num_classes, tolerance):
    prediction, label = patches(num_classes, num_classes=num_classes)
    counts = boundary_counts(prediction, label, num_classes=num_classes, tolerance=tolerance)
    expected = [slow_counts(prediction, label, index, tolerance=tolerance) for index in range(num_classes)]
    assert counts.tolist() == expected
    assert counts.dtype == np.int64


@pytest.mark.parametrize('radius', [1, 2, math.sqrt(5), 5, 9.3])
def test_both_ways_to_find_near_pixels_agree(monkeypatch, radius):
    prediction, label = random_maps(3, num_classes=2)
    by_disc = boundary_counts(prediction, label, num_classes=2, tolerance=radius)
    monkeypatch.setattr(boundary, 'LARGEST_DISC', 0)
    assert boundary_counts(prediction, label, num_classes=2, tolerance=radius).tolist() == by_disc.tolist()


def test_edges_of_image_and_ignored_pixels_are_no_contour():
    label = np.ones((8, 8), np.uint8)
    label[3:5] = 255
    counts = boundary_counts(np.ones((8, 8), np.uint8), label, num_classes=2, tolerance=2)
    assert not counts.any()
    assert np.isnan(boundary_rates(counts)).all()


def test_what_is_predicted_on_ignored_pixels_does_not_matter():
    prediction, label = patches(7)
    other = np.where(label == 255, 1 - prediction, prediction)
    counts = [boundary_counts(values, label, num_classes=2, tolerance=2).tolist() for values in (prediction, other)]
    assert counts[0] == counts[1]


def test_a_class_in_one_map_only_scores_zero():
    counts = boundary_counts(np.zeros((20, 24), np.uint8), square(top=5, left=8), num_classes=3, tolerance=2)
    background, green, absent = boundary_rates(counts)
    assert background == green == (0.0, 0.0)
    assert np.isnan(absent).all()


def test_contours_that_are_never_near_score_zero():
    counts = boundary_counts(
        square(top=1, left=1, shape=(40, 40)), square(top=30, left=30, shape=(40, 40)), num_classes=2, tolerance=2
    )
    assert boundary_rates(counts)[1][0] == 0.0


@pytest.mark.parametrize('tolerance', [2, 30])
def test_one_pixel(tolerance):
    assert not boundary_counts(u8([[1]]), u8([[1]]), num_classes=2, tolerance=tolerance).any()


def test_counts_of_images_add_up():
    maps = [patches(seed) for seed in range(3)]
    single = [boundary_counts(p, label, num_classes=2, tolerance=2) for p, label in maps]
    gap = np.full((3, 43), 255, np.uint8)
    prediction = np.concatenate([part for p, _ in maps for part in (p, gap)])
    label = np.concatenate([part for _, values in maps for part in (values, gap)])
    # Behind three ignored rows nothing of another image is within two pixels.
    assert boundary_counts(prediction, label, num_classes=2, tolerance=2).tolist() == sum(single).tolist()


def test_integer_types_and_views():
    prediction, label = patches(5)
    plain = boundary_counts(prediction, label, num_classes=2, tolerance=2)
    assert boundary_counts(
        prediction.astype(np.int64), label.astype(np.int64), num_classes=2, tolerance=2
    ).tolist() == (plain.tolist())
    turned = boundary_counts(prediction.T, label.T, num_classes=2, tolerance=2)
    assert turned.tolist() == plain.tolist()


@pytest.mark.parametrize('tolerance', [0, 0.99, -1, math.nan, math.inf, 1001])
def test_tolerance_outside_its_range(tolerance):
    with pytest.raises(ConfigError, match=r'boundary tolerance of .* pixels: give 1, the next pixel, to 1000'):
        boundary_counts(u8([[0]]), u8([[0]]), num_classes=2, tolerance=tolerance)


def test_an_empty_map():
    empty = np.zeros((0, 5), np.int64)
    assert not boundary_counts(empty, empty, num_classes=2, tolerance=2).any()
