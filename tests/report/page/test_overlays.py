"""Errors by hand, and how far their colours are apart in simulated colour blindness."""

import itertools

import numpy as np
import pytest

from mmseg_aux_hrnet.report.page.overlays import CONFUSED, FALSE, HIT, MISSED, NOT_COUNTED, error_kinds, error_map

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    'all cones': np.eye(3),
    'protanopia': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    'deuteranopia': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    'tritanopia': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])


def linear(colour):
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(light):
    """Return CIE L*a*b* (D65) of linear RGB."""
    share = XYZ @ np.clip(light, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_two_classes():
    label = np.array([[0, 0, 1, 1, 255]], np.uint8)
    prediction = np.array([[0, 1, 0, 1, 1]], np.uint8)
    kinds = error_map(prediction, label, num_classes=2, class_of_interest=1)
    assert kinds.tolist() == [[0, FALSE.value, MISSED.value, HIT.value, NOT_COUNTED.value]]


def test_the_class_of_interest_may_be_the_first():
    label, prediction = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 0, 1]], np.uint8)
    kinds = error_map(prediction, label, num_classes=2, class_of_interest=0)
    assert kinds.tolist() == [[HIT.value, MISSED.value, FALSE.value, 0]]


def test_errors_between_other_classes_are_a_kind_of_their_own():
    label, prediction = np.array([[0, 0, 2, 2, 1]], np.uint8), np.array([[2, 1, 0, 2, 0]], np.uint8)
    kinds = error_map(prediction, label, num_classes=3, class_of_interest=1)
    assert kinds.tolist() == [[CONFUSED.value, FALSE.value, CONFUSED.value, 0, MISSED.value]]


def test_without_a_class_of_interest_right_and_wrong_are_told_apart():
    label, prediction = np.array([[0, 1, 2, 9]], np.uint8), np.array([[0, 2, 2, 1]], np.uint8)
    kinds = error_map(prediction, label, num_classes=3, class_of_interest=None)
    assert kinds.tolist() == [[0, 3, 0, NOT_COUNTED.value]]
    assert {kind.value for kind in error_kinds(3, None)} == {3, NOT_COUNTED.value}


def test_legend_has_the_fourth_kind_only_where_it_can_occur():
    assert CONFUSED in error_kinds(3, 1)
    assert CONFUSED not in error_kinds(2, 1)


@pytest.mark.parametrize('sight', SIGHT)
def test_colours_are_told_apart_whatever_cones_are_missing(sight):
    seen = [lab(np.array(SIGHT[sight]) @ linear(kind.colour)) for kind in (HIT, FALSE, MISSED, CONFUSED, NOT_COUNTED)]
    nearest = min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2))
    assert nearest > 30  # a difference of 2.3 is just noticed; the least here is 31.9, for tritanopia


def test_distances_are_those_of_the_literature():
    # white and black lie 100 apart, and red of sRGB is at (53.24, 80.09, 67.20)
    assert lab(linear((255, 255, 255))) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(linear((255, 0, 0))) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
