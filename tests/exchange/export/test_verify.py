import re

import numpy as np
import pytest
from tiny_export import FREE

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ExportError
from mmseg_aux_hrnet.exchange.export import verify
from mmseg_aux_hrnet.exchange.export.verify import compare, comparison_images

ONE = ((1, 1, 4),)


def prediction(foreground):
    """Return probabilities (1, 2, 1, 4) and class maps of four pixels."""
    foreground = np.array(foreground, np.float32).reshape(1, 1, 1, -1)
    return np.concatenate([1 - foreground, foreground], axis=1), (foreground[:, 0] > 0.5).astype(np.uint8)


def outputs(foreground, classes):
    probabilities, _ = prediction(foreground)
    return {'probabilities': probabilities, 'classes': np.array(classes, np.uint8).reshape(1, 1, -1)}


def agreement(got, expected, form=FREE, decision=None):
    return compare([got], [expected], shapes=ONE, form=form, decision=decision)


def test_agreement_is_measured():
    found = agreement(outputs([0.0, 0.25, 0.50002, 1.0], [0, 0, 1, 1]), prediction([0.0, 0.25, 0.49998, 1.0]))
    assert found.largest == pytest.approx(4e-5, rel=1e-2)
    assert (found.allowed, found.span, found.differing, found.pixels) == (1e-4, 1.0, 1, 4)


@pytest.mark.parametrize('values', [[0.0, 0.25, 0.6, 0.9998], [0.0, 0.25, 0.6, np.nan]])
def test_other_probabilities_are_refused(values):
    with pytest.raises(ExportError, match=re.escape('would differ from PyTorch')):
        agreement(outputs(values, [0, 0, 1, 1]), prediction([0.0, 0.25, 0.6, 1.0]))


def test_another_class_is_refused_unless_undecided():
    expected = prediction([0.0, 0.25, 0.50004, 1.0])  # the third: 0.00008 between the classes
    assert agreement(outputs([0.0, 0.25, 0.50004, 1.0], [0, 0, 0, 1]), expected).differing == 1
    with pytest.raises(ExportError, match='1 of 4 pixels of 1x1x4 have another class'):
        agreement(outputs([0.0, 0.25, 0.50004, 1.0], [0, 1, 1, 1]), expected)


def test_undecided_is_near_the_threshold_where_there_is_one():
    probabilities, _ = prediction([0.0, 0.3, 0.5, 1.0])
    expected = (probabilities, np.array([[[0, 1, 1, 1]]], np.uint8))
    got = outputs([0.0, 0.3, 0.5, 1.0], [0, 0, 1, 1])
    assert agreement(got, expected, decision=Threshold('green', 0.30005, 1)).differing == 1
    with pytest.raises(ExportError, match='another class'):
        agreement(got, expected, decision=Threshold('green', 0.2, 1))


def test_a_flat_model_is_compared_more_strictly():
    expected = prediction([0.5, 0.5001, 0.5002, 0.5])
    with pytest.raises(ExportError, match='1.0e-06 is allowed'):
        agreement(outputs([0.5, 0.50015, 0.5002, 0.5], [0, 1, 1, 0]), expected)


def test_half_precision_has_a_tolerance_of_its_own():
    expected, got = prediction([0.0, 0.25, 0.6, 1.0]), outputs([0.0, 0.26, 0.6, 1.0], [0, 0, 1, 1])
    assert agreement(got, expected, form=FREE._replace(half=True)).allowed == 2e-2
    with pytest.raises(ExportError, match=r'by up to 1\.0e-02 .*1\.0e-04 is allowed'):
        agreement(got, expected)


def test_the_foreground_alone_and_the_classes_alone_are_compared():
    expected = prediction([0.0, 0.25, 0.6, 1.0])
    got = {'probabilities': expected[0][:, 1:]}
    form = FREE._replace(outputs=('probabilities',), foreground_only=True)
    assert (agreement(got, expected, form=form).largest, agreement(got, expected, form=form).differing) == (0, None)
    form = FREE._replace(outputs=('classes',))
    assert agreement({'classes': expected[1]}, expected, form=form).largest is None


@pytest.mark.parametrize(
    'wrong',
    [
        {'probabilities': np.zeros((1, 2, 1, 3), np.float32)},
        {'classes': np.zeros((1, 1, 4), np.int64)},
        {'classes': np.zeros((1, 1, 1, 4), np.uint8)},
    ],
)
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ExportError, match='instead of'):
        agreement({**outputs([0.0, 0.2, 0.6, 1.0], [0, 0, 1, 1]), **wrong}, prediction([0.0, 0.2, 0.6, 1.0]))


def test_batches_are_of_odd_sizes_where_any_fits(monkeypatch):
    def shapes(form):
        def run(image):
            return dict(zip(('probabilities', 'classes'), blank(image), strict=True))

        return verify.verify(run, model=None, form=form, decision=None, on_batch=lambda _: None).shapes

    def blank(image):
        count, _, *size = image.shape
        return np.zeros((count, 2, *size), np.float32), np.zeros((count, *size), np.uint8)

    monkeypatch.setattr(verify, 'reference', lambda model, images: blank(images))
    free, fixed = shapes(FREE), shapes(FREE._replace(fixed_size=(64, 64)))
    assert len({shape[1:] for shape in free}) == 3
    assert any(height % 2 and width % 2 for _, height, width in free)
    assert fixed == ((1, 64, 64), (2, 64, 64), (3, 64, 64))


def test_images_cover_the_range_and_are_the_same_every_time():
    image = comparison_images((2, 97, 131), seed=1)
    assert (image.shape, image.dtype, image.min(), image.max()) == ((2, 3, 97, 131), np.uint8, 0, 255)
    assert np.array_equal(image, comparison_images((2, 97, 131), seed=1))
    assert not np.array_equal(image[0], image[1])
