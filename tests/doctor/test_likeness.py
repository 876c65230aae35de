import io
from itertools import combinations
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import scipy.fft
from doctor_support import scene
from PIL import Image

from mmseg_aux_hrnet.doctor.checks import exact_duplicates
from mmseg_aux_hrnet.doctor.likeness import grey_thumbnail, near_pairs, perceptual_hash

SCENES = [scene(seed, (60, 80)) for seed in range(40)]


def thumbnails(*images):
    return np.stack([grey_thumbnail(image) for image in images])


def as_jpeg(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, 'JPEG', quality=40)
    return np.asarray(Image.open(buffer))


COPIES = {
    'encoded again': as_jpeg,
    'half the size': lambda image: cv2.resize(image, (40, 30), interpolation=cv2.INTER_AREA),
    'brighter': lambda image: np.clip(image * 1.2 + 10, 0, 255).astype(np.uint8),
    'mirrored': lambda image: image[:, ::-1],
    'upside down': lambda image: image[::-1],
    'turned by a quarter': lambda image: np.rot90(image),
    'transposed': lambda image: image.transpose(1, 0, 2),
}


def test_the_hash_is_the_signs_of_the_low_frequencies():
    thumbnail = grey_thumbnail(SCENES[0])
    low = scipy.fft.dctn(thumbnail.astype(float), norm='ortho')[1:9, 1:9].ravel()
    assert np.array_equal(perceptual_hash(thumbnail), np.where(low > np.median(low), 1, -1))


@pytest.mark.parametrize('name', COPIES)
def test_a_changed_copy_is_found(name):
    copy = np.ascontiguousarray(COPIES[name](SCENES[3]))
    ((first, second, distance, correlation),) = near_pairs(thumbnails(*SCENES, copy))
    assert (first, second) == (3, 40)
    assert distance <= 12 and correlation >= 0.8


def test_different_scenes_are_not_taken_for_one():
    assert near_pairs(thumbnails(*SCENES)) == []


def test_distances_of_pairs_are_those_of_their_bits(monkeypatch):
    monkeypatch.setattr('mmseg_aux_hrnet.doctor.likeness.LARGEST_DISTANCE', 64)
    monkeypatch.setattr('mmseg_aux_hrnet.doctor.likeness.LEAST_CORRELATION', -1)
    monkeypatch.setattr('mmseg_aux_hrnet.doctor.likeness.BLOCK', 3)  # several blocks of rows
    small = thumbnails(*SCENES[:7])
    pairs = near_pairs(small)
    assert [pair[:2] for pair in pairs] == list(combinations(range(7), 2))
    for position, other, distance, correlation in pairs:
        first, second = small[position], small[other]
        assert distance == np.sum(perceptual_hash(first) != perceptual_hash(second))
        assert correlation == pytest.approx(np.corrcoef(first.ravel(), second.ravel())[0, 1], abs=1e-5)


def test_flat_tiles_are_not_compared():
    noise = np.random.default_rng(0).integers(99, 102, (2, 60, 80, 3)).astype(np.uint8)
    assert near_pairs(thumbnails(*noise)) == []
    assert near_pairs(np.zeros((0, 32, 32), np.uint8)) == []


def test_tiles_of_equal_digests_are_grouped():
    def groups(digests):
        tiles = [SimpleNamespace(image=SimpleNamespace(digest=digest), place=i) for i, digest in enumerate(digests)]
        return [[tile.place for tile in group] for group in exact_duplicates([*tiles, SimpleNamespace(image=None)])]

    assert groups(['a', 'b', 'a', 'c', 'b', 'a']) == [[0, 2, 5], [1, 4]]
    assert groups(['a', 'b']) == []
