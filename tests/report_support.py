"""Draws report folders for tests, through the code that writes real ones."""

import hashlib
import json
from unittest.mock import patch

import numpy as np

from mmseg_aux_hrnet.classes import ClassSet
from mmseg_aux_hrnet.evaluation.image_result import ImageResult
from mmseg_aux_hrnet.report.figures import Measured, report_figures
from mmseg_aux_hrnet.report.folder import without_nan
from mmseg_aux_hrnet.report.metrics_file import FORMAT

CLASSES = ('background', 'green')


def run_record(**given):
    """Return the part ``run`` of ``metrics.json`` with these values."""
    keys = ('config', 'config_sha256', 'checkpoint', 'checkpoint_sha256', 'data_list', 'data_list_sha256')
    nothing = dict.fromkeys((*keys, 'threshold', 'work_dir', 'device'))
    return nothing | {'command': ['tools/test.py'], 'date': '2026-01-02', 'images': 1, 'versions': {}} | given


def class_row(name, **figures):
    """Return a row of ``classes`` of ``metrics.json`` with these figures."""
    keys = ('color', 'precision', 'recall', 'iou', 'f1', 'boundary_f1', 'boundary_iou')
    return dict.fromkeys(keys) | {'name': name, 'support': 5, 'predicted': 5} | figures


def image_counts(number, *, quality, seed, runs_seed=0, pixels=4096):
    """Return counts int64 (number, 2, 2): the images hang on ``seed``, the errors also on ``runs_seed``."""
    scenes = np.random.default_rng(seed)
    green = (pixels * scenes.beta(2, 4, number)).astype(np.int64)
    hardness = scenes.beta(2, 8, number)
    errors = np.random.default_rng([seed, runs_seed])
    missed = errors.binomial(green, np.clip(hardness * (1 - quality) * 4, 0, 1))
    wrong = errors.binomial(pixels - green, np.clip(hardness * (1 - quality), 0, 1))
    return np.array([[pixels - green - wrong, wrong], [missed, green - missed]]).transpose(2, 0, 1)


def metrics_of(counts, *, config='plain', classes=CLASSES, of_interest='green', threshold=None):
    """Return the content of ``metrics.json`` of a run with these counts, int64 (N, C, C)."""
    images = [ImageResult(f'data/tile_{i}.jpg', f'data/tile_{i}.png', one, None) for i, one in enumerate(counts)]
    with patch('mmseg_aux_hrnet.report.figures.RESAMPLES', 1):  # the intervals in a report are not what is compared
        figures = report_figures(Measured(images, ClassSet(classes, None, of_interest), None, 255))
    digest = hashlib.sha256(counts.tobytes()).hexdigest()
    run = run_record(
        config=f'configs/{config}.py',
        checkpoint=f'work_dirs/{config}/best.pth',
        checkpoint_sha256=digest,
        threshold=threshold,
        images=len(counts),
    )
    return without_nan({'format': FORMAT, 'run': run, **figures})


def write_report(folder, metrics):
    """Write a report folder of that content and return it."""
    folder.mkdir(parents=True)
    (folder / 'metrics.json').write_text(json.dumps(metrics), encoding='utf-8')
    return folder
