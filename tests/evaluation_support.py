"""Maps for the tests of the evaluation."""

import numpy as np


def u8(rows):
    return np.array(rows, dtype=np.uint8)


def random_maps(seed, *, num_classes, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, num_classes, (33, 47), dtype=dtype)
    prediction = np.where(rng.random(label.shape) < 0.6, label, rng.integers(0, num_classes, label.shape, dtype=dtype))
    label[rng.random(label.shape) < 0.1] = 255
    return prediction, label
