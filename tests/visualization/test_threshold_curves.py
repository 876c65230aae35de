from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmseg_aux_hrnet.visualization.threshold_curves import CURVES, draw_calibration, draw_sweep

THRESHOLDS = [k / 10 for k in range(11)]


def sweep(**changes):
    rising = [10.0 * k for k in range(11)]
    bins = [dict(low=0.0, high=0.5, confidence=0.2, observed=0.1, pixels=9)]
    bins += [dict(low=0.5, high=1.0, confidence=None, observed=None, pixels=0)]
    best = {'iou': {'threshold': 0.3, 'value': 30.0}, 'f1': None, 'kappa': None}
    figures = {'precision': rising, 'recall': rising[::-1], 'iou': rising, 'f1': rising, 'kappa': [-0.2] + [0.5] * 10}
    totals = {'class': '$green_{', 'average_precision': 0.5, 'ece': 0.1}
    return {**totals, 'thresholds': THRESHOLDS, **figures, 'reliability': bins, 'best': best, **changes}


def colours(path):
    return {tuple(pixel) for pixel in np.asarray(Image.open(path).convert('RGB')).reshape(-1, 3)}


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def test_both_pictures_and_nothing_else_are_left(tmp_path):
    draw_sweep(tmp_path, sweep())
    assert sorted(path.name for path in tmp_path.iterdir()) == ['reliability.png', 'threshold_curves.png']
    drawn = colours(tmp_path / 'threshold_curves.png')
    assert {rgb(colour) for _, colour, _ in CURVES.values()} <= drawn
    assert rgb(CURVES['precision'][1]) in colours(tmp_path / 'reliability.png')


@pytest.mark.parametrize('name', ['precision', 'kappa'])
def test_what_is_undefined_leaves_no_line(tmp_path, name):
    draw_sweep(tmp_path, sweep(**{name: [None] * 11}))
    whole, part = (count(tmp_path / 'threshold_curves.png', CURVES[key][1]) for key in ('recall', name))
    assert part < whole / 3  # the legend keeps its line


def count(path, colour):
    return (np.asarray(Image.open(path).convert('RGB')) == rgb(colour)).all(-1).sum()


@pytest.mark.parametrize('pixels', [1, 10, 999, 1000, 10**6, 64_000_000, 10**9, 10**12])
def test_numbers_of_pixels_stand_apart(pixels):
    figure = Figure(figsize=(5.4, 5.1), layout='constrained')  # as in the page of a report
    top, bottom = figure.subplots(2, 1, height_ratios=(3, 1))
    bins = [dict(low=0.0, high=1.0, confidence=0.5, observed=0.5, pixels=pixels)]
    draw_calibration(top, bottom, sweep=sweep(reliability=bins))
    figure.canvas.draw()
    low, high = bottom.get_ylim()
    boxes = [text.get_window_extent() for text in bottom.get_yticklabels() if low <= text.get_position()[1] <= high]
    assert len(boxes) >= (2 if pixels >= 10 else 1)
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))


def test_a_sweep_without_pixels_is_drawn(tmp_path):
    nothing = {key: [None] * 11 for key in CURVES}
    empty = [dict(low=0.0, high=1.0, confidence=None, observed=None, pixels=0)]
    best = dict.fromkeys(('iou', 'f1', 'kappa'))
    draw_sweep(tmp_path, sweep(**nothing, reliability=empty, best=best, average_precision=None, ece=None))
    assert len(list(tmp_path.iterdir())) == 2
