"""The numbers of a comparison by hand and against the bootstrap itself."""

import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from report_support import CLASSES, image_counts

from mmseg_aux_hrnet.evaluation.bootstrap import intervals, paired_difference
from mmseg_aux_hrnet.report.comparison.comparison import COLUMNS, compare, table_rates
from mmseg_aux_hrnet.report.comparison.report_folder import Run


def runs(name, *stacks):
    return [
        Run(Path(name), name, '', '', None, CLASSES, 'green', tuple(map(str, range(len(counts)))), counts)
        for counts in stacks
    ]


def compared(resamples=10, seed=0, class_name='green', **stacks):
    groups = {name: runs(name, *counts) for name, counts in stacks.items()}
    return compare(groups, class_name=class_name, resamples=resamples, seed=seed)


def test_columns_are_those_of_the_published_table():
    assert COLUMNS == ('Precision', 'Recall', 'IoU', 'F1score', 'OA')


def test_rates_by_hand():
    """60 hits, 20 wrong, 30 missed, 90 right background pixels."""
    rates = table_rates(np.array([[90, 20], [30, 60]]), index=1)
    assert rates == pytest.approx({'Precision': 75, 'Recall': 200 / 3, 'IoU': 600 / 11, 'F1score': 1200 / 17, 'OA': 75})


def test_mean_and_deviation_by_hand():
    """IoU of green is 40, 50 and 60 percent in three runs of one image of 200 pixels, 100 of them green."""
    counts = [np.array([[[100, 0], [100 - hits, hits]]]) for hits in (40, 50, 60)]
    row = compared(plain=counts).rows[0]
    iou = row.rates['IoU']
    assert (iou.mean, iou.deviation, iou.runs) == (50.0, 10.0, (40.0, 50.0, 60.0))
    assert (iou.low, iou.high) == (50.0, 50.0)
    assert row.rates['OA'].deviation == pytest.approx(statistics.stdev([70, 75, 80]))
    assert row.differences == {}


def test_single_run_has_no_deviation():
    row = compared(plain=[image_counts(5, quality=0.8, seed=1)]).rows[0]
    assert math.isnan(row.rates['IoU'].deviation)


def test_intervals_and_differences_are_those_of_the_bootstrap():
    first, second, third = (image_counts(20, quality=q, seed=1, runs_seed=s) for q, s in ((0.7, 1), (0.8, 2), (0.8, 3)))
    found = compared(50, 4, plain=[first], aux=[second, third])

    def rates(counts):
        return table_rates(counts, index=1)

    options = {'rates': rates, 'resamples': 50, 'seed': 4}
    ends = intervals(first, **options)
    assert all((f.low, f.high) == ends[name] for name, f in found.rows[0].rates.items())
    assert found.rows[1].differences == paired_difference(first, np.stack([second, third]), **options)
    assert list(found.rows[1].differences) == list(COLUMNS)
    assert (found.images, found.class_name) == (20, 'green')
    assert '20 images, 50 resamples, seed 4' in found.method


def test_class_is_the_named_one():
    counts = image_counts(5, quality=0.8, seed=1)
    background, green = (compared(class_name=name, plain=[counts]).rows[0].rates for name in CLASSES)
    assert background['IoU'].mean == table_rates(counts.sum(axis=0), index=0)['IoU'] != green['IoU'].mean
    assert background['OA'] == green['OA']


def test_undefined_in_one_run_is_undefined_in_the_mean():
    predicted, never = np.array([[[90, 10], [5, 95]]]), np.array([[[100, 0], [100, 0]]])
    figures = compared(plain=[predicted, never]).rows[0].rates
    assert math.isnan(figures['Precision'].mean) and math.isnan(figures['Precision'].deviation)
    assert figures['Recall'].mean == 47.5
