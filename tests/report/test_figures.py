"""The figures of a report, by hand and against the functions that they come from."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.evaluation.bootstrap import intervals
from mmseg_aux_hrnet.evaluation.boundary import Tolerance
from mmseg_aux_hrnet.evaluation.image_result import ImageResult
from mmseg_aux_hrnet.evaluation.rates import rates_by_key
from mmseg_aux_hrnet.report.figures import Measured, report_figures

COUNTS = ([[40, 10], [0, 0]], [[10, 0], [5, 35]])
METRIC = Tolerance(2.5, 0.2)
CLASSES = Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)


def measured(counts=COUNTS, classes=CLASSES, *, contours=True, tolerance=METRIC):
    boundary = np.array([[4, 4, 4, 4, 2, 8]] * len(classes.names)) if contours else None
    images = [
        ImageResult(f'img/{index}.png', f'ann/{index}.png', np.array(table), boundary)
        for index, table in enumerate(counts)
    ]
    return Measured(images, classes, tolerance, 255)


def test_figures_of_the_classes_and_over_all():
    figures = report_figures(measured())
    green = figures['classes'][1]
    assert (green['name'], green['color']) == ('green', [128, 0, 0])
    assert (green['support'], green['predicted']) == (40, 45)
    assert green['precision'] == pytest.approx(3500 / 45)
    assert green['recall'] == 87.5
    assert green['iou'] == 70.0
    assert green['f1'] == pytest.approx(7000 / 85)
    assert (green['boundary_f1'], green['boundary_iou']) == (100.0, 25.0)
    overall = figures['overall']
    assert (overall['pixels'], overall['oa']) == (100, 85.0)
    assert overall['balanced_accuracy'] == overall['macc'] == pytest.approx((500 / 6 + 87.5) / 2)
    assert figures['confusion_matrix'] == [[50, 10], [5, 35]]
    assert figures['class_of_interest'] == 'green'


def test_intervals_are_those_of_the_bootstrap():
    spread = report_figures(measured())['intervals']
    assert (spread['level'], spread['resamples'], spread['seed']) == (95, 1000, 0)
    expected = intervals(np.array(COUNTS), rates=lambda counts: rates_by_key(counts, CLASSES.names))
    assert list(spread['values']) == list(expected)
    assert np.array_equal(list(spread['values'].values()), list(expected.values()), equal_nan=True)
    assert spread['values']['OA'] == [80.0, 90.0]


def test_rows_of_the_images():
    first, second = report_figures(measured())['images']
    assert (first['name'], first['image'], first['label']) == ('0', 'img/0.png', 'ann/0.png')
    assert (first['counts'], first['pixels'], first['oa']) == (COUNTS[0], 50, 80.0)
    assert (first['iou'], first['precision']) == ({'background': 80.0, 'green': 0.0}, {'background': 100.0, 'green': 0})
    assert math.isnan(first['recall']['green'])
    assert second['f1']['green'] == pytest.approx(7000 / 75)
    assert second['miou'] == pytest.approx((1000 / 15 + 87.5) / 2)


@pytest.mark.parametrize(
    ('tolerance', 'expected'),
    [
        (Tolerance(2.5, 0.2), (2.5, 0.5, 0.2)),
        (Tolerance(2), (2, None, None)),
        (None, (None, None, None)),
    ],
)
def test_tolerance(tolerance, expected):
    rule = report_figures(measured(tolerance=tolerance))['boundary']
    assert (rule['tolerance_pixels'], rule['tolerance_metres'], rule['gsd']) == expected


def test_without_contours_or_colours_there_are_none():
    row = report_figures(measured(classes=Classes(('a', 'b')), contours=False))['classes'][0]
    assert row['color'] is None
    assert math.isnan(row['boundary_f1'])
    assert math.isnan(row['boundary_iou'])


def test_contours_of_some_images_only_give_no_figure():
    whole = measured()
    images = [whole.images[0], replace(whole.images[1], boundary=None)]
    assert math.isnan(report_figures(replace(whole, images=images))['classes'][1]['boundary_iou'])
    twice = [whole.images[0], replace(whole.images[1], boundary=3 * whole.images[1].boundary)]
    assert report_figures(replace(whole, images=twice))['classes'][1]['boundary_iou'] == 100 * (2 + 6) / (8 + 24)


def test_rules_state_what_is_averaged_and_what_is_ignored():
    rules = ' '.join(report_figures(measured())['rules'])
    for statement in ('none is a mean over images', 'absent', 'label 255 are ignored', 'balanced accuracy'):
        assert statement in rules


@pytest.mark.parametrize(
    ('paths', 'names'),
    [
        (['x/a.png', 'x/b.tif'], ['a', 'b']),
        (['x/a.png', 'y/a.png', 'y/b.png'], ['x/a.png', 'y/a.png', 'b']),
        (['a.b.png', 'a.c.png'], ['a.b', 'a.c']),
    ],
)
def test_names_of_images_are_short_and_unlike(paths, names):
    whole = measured(COUNTS[:1] * len(paths))
    images = [replace(image, image=path) for image, path in zip(whole.images, paths, strict=True)]
    assert [row['name'] for row in report_figures(replace(whole, images=images))['images']] == names
