"""Makes reports for tests of their page: true figures of drawn maps, so that nothing in them is invented."""

import numpy as np

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.evaluation.boundary import Tolerance
from mmseg_aux_hrnet.evaluation.image_result import count_image
from mmseg_aux_hrnet.evaluation.thresholds import NO_COUNTS, threshold_counts, threshold_sweep
from mmseg_aux_hrnet.report.figures import Measured, report_figures
from mmseg_aux_hrnet.report.folder import without_nan
from mmseg_aux_hrnet.report.metrics_file import FORMAT
from mmseg_aux_hrnet.report.page import TrainingLog, small_tile

GREEN = Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)
CITY = Classes(('road', 'roof', 'tree', 'water'), ((128, 64, 128), (70, 70, 70), (107, 142, 35), (0, 90, 200)), None)
NO_LOG = TrainingLog(None, [], 'no training log in work_dirs/gone')


def run_of(images):
    return {
        'command': ['tools/test.py', 'config.py', 'best.pth', '--report', 'a folder'],
        'date': '2026-01-02T03:04:05+00:00',
        'config': 'config.py',
        'config_sha256': 'c' * 64,
        'checkpoint': 'work_dirs/run/best.pth',
        'checkpoint_sha256': 'd' * 64,
        'data_list': 'data/splits/test.txt',
        'data_list_sha256': 'e' * 64,
        'images': images,
        'threshold': None,
        'work_dir': 'work_dirs/run',
        'versions': {'mmseg_aux_hrnet': '0.1.0', 'torch': '2.13.0'},
        'device': 'cpu',
    }


def draw_maps(index, *, classes, size):
    """Return image, label and prediction: blocks of classes, some ignored, with more errors in each further image."""
    rng = np.random.default_rng(index)
    count = len(classes.names)
    blocks = rng.integers(0, count, (4, 4)).astype(np.uint8)
    label = np.kron(blocks, np.ones((-(-size[0] // 4), -(-size[1] // 4)), np.uint8))[: size[0], : size[1]]
    wrong = rng.random(size) < 0.02 + 0.5 * (index % 50) / 50
    prediction = np.where(wrong, (label + 1) % count, label).astype(np.uint8)
    label[:2] = 255
    image = (60 + 40 * np.minimum(label, count)[..., None] + rng.integers(0, 30, (*size, 3))).clip(0, 255)
    return image.astype(np.uint8), label, prediction


def report_of(number, *, classes=GREEN, size=(48, 64), names=None, sweep=False):
    """Return the content of metrics.json for drawn images, and their tiles."""
    maps = [draw_maps(index, classes=classes, size=size) for index in range(number)]
    names = names or [f'images/tile_{index}.png' for index in range(number)]
    rule = {'num_classes': len(classes.names), 'ignore_index': 255, 'tolerance': 2.0}
    images = [
        count_image(prediction, label, image=name, label_path=f'{name}.label', **rule)
        for (_, label, prediction), name in zip(maps, names, strict=True)
    ]
    swept = _sweep(maps, classes.name_of_interest) if sweep else None
    measured = Measured(images, classes, Tolerance(pixels=2.0), 255, swept)
    metrics = without_nan({'format': FORMAT, 'run': run_of(number), **report_figures(measured)})
    tiles = {
        index: small_tile(metrics['images'][index]['name'], image, label=label, prediction=prediction)
        for index, (image, label, prediction) in enumerate(maps)
    }
    return metrics, tiles


def _sweep(maps, class_name):
    """Return a sweep of probabilities that are near the predictions, but not all on their side."""
    counts = NO_COUNTS
    for index, (_, label, prediction) in enumerate(maps):
        sure = np.random.default_rng(index).uniform(0.4, 1, label.shape)
        probability = np.where(prediction == 1, sure, 1 - sure).astype(np.float32)
        counts = counts + threshold_counts(probability, label, class_index=1)
    return threshold_sweep(counts, class_name=class_name)
