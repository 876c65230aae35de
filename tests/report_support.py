"""Draws report folders for tests: the part of metrics.json that a comparison reads."""

import hashlib
import json

import numpy as np

CLASSES = ('background', 'green')


def image_counts(number, *, quality, seed, runs_seed=0, pixels=4096):
    """Return counts int64 (number, 2, 2): the images hang on ``seed``, the errors also on ``runs_seed``."""
    scenes = np.random.default_rng(seed)
    green = (pixels * scenes.beta(2, 4, number)).astype(np.int64)
    hardness = scenes.beta(2, 8, number)
    errors = np.random.default_rng([seed, runs_seed])
    missed = errors.binomial(green, np.clip(hardness * (1 - quality) * 4, 0, 1))
    wrong = errors.binomial(pixels - green, np.clip(hardness * (1 - quality), 0, 1))
    return np.array([[pixels - green - wrong, wrong], [missed, green - missed]]).transpose(2, 0, 1)


def metrics_of(counts, *, config='plain', checkpoint='best.pth', classes=CLASSES, of_interest='green', threshold=None):
    sha = hashlib.sha256(counts.tobytes()).hexdigest()
    return {
        'format': 'mmseg_aux_hrnet report 1',
        'run': {'config': f'{config}.py', 'checkpoint': checkpoint, 'checkpoint_sha256': sha, 'threshold': threshold},
        'classes': [{'name': name} for name in classes],
        'class_of_interest': of_interest,
        'confusion_matrix': counts.sum(axis=0).tolist(),
        'images': [{'name': f'tile_{index}', 'counts': image.tolist()} for index, image in enumerate(counts)],
    }


def write_report(folder, metrics):
    folder.mkdir(parents=True)
    (folder / 'metrics.json').write_text(json.dumps(metrics), encoding='utf-8')
    return folder
