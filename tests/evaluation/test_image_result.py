"""What is counted of one image, and the sums."""

import numpy as np
from evaluation_support import u8

from mmseg_aux_hrnet.evaluation.image_result import count_image, summed_counts

MAPS = u8([[0, 1, 1], [0, 0, 1]]), u8([[0, 1, 255], [1, 0, 1]])


def count(*, label_path='ann/a.png', tolerance=None):
    rule = {'num_classes': 2, 'ignore_index': 255, 'tolerance': tolerance}
    return count_image(*MAPS, image='img/a.png', label_path=label_path, **rule)


def test_pixels_are_counted_and_contours_only_where_asked_for():
    plain, outlined = count(), count(tolerance=1)
    assert plain.counts.tolist() == outlined.counts.tolist() == [[2, 0], [1, 2]]
    assert plain.boundary is None
    assert outlined.boundary.shape == (2, 6)
    assert (plain.image, plain.label, plain.source) == ('img/a.png', 'ann/a.png', 'ann/a.png')
    assert count(label_path=None).source == 'img/a.png'


def test_sums():
    images = [count(tolerance=1), count(tolerance=1)]
    assert summed_counts(images, num_classes=2).tolist() == [[4, 0], [2, 4]]
    assert summed_counts([], num_classes=3).tolist() == np.zeros((3, 3)).tolist()
