import re
from types import MethodType

import numpy as np
import pytest
from mmengine.config import Config
from tiny_export import FREE, tiny_checkpoint, tiny_config, written

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ExportError
from mmseg_aux_hrnet.exchange.export import verify
from mmseg_aux_hrnet.exchange.export.verify import Standard, compare, comparison_images
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint

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


def blank(images):
    count, _, *size = images.shape
    return np.zeros((count, 2, *size), np.float32), np.zeros((count, *size), np.uint8)


class Blank:
    """Stands for the network: class 0 with probability 0 everywhere."""

    decision, bands = None, 3

    def __init__(self, form):
        self.form = form

    def __call__(self, images):
        return blank(images)

    def expected(self, images, predicted):
        return predicted


def test_batches_are_of_odd_sizes_where_any_fits():
    def shapes(form):
        def run(image):
            return dict(zip(('probabilities', 'classes'), blank(image), strict=True))

        return verify.verify(run, standard=Blank(form), on_batch=lambda _: None).shapes

    free, fixed = shapes(FREE), shapes(FREE._replace(fixed_size=(64, 64)))
    assert len({shape[1:] for shape in free}) == 3
    assert any(height % 2 and width % 2 for _, height, width in free)
    assert fixed == ((1, 64, 64), (2, 64, 64))


@pytest.fixture
def model(tmp_path):
    config = tiny_config()
    checkpoint = Checkpoint(tiny_checkpoint(config, tmp_path / 'a.pth'), hashed=True)
    return load_trained_model(config, checkpoint, threshold=None).model


@pytest.mark.parametrize('black', [None, 0, 1])
def test_the_standard_is_what_maps_are_made_of_but_for_black(tmp_path, black):
    files = written(tmp_path)
    source = load_trained_model(Config.fromfile(files[0]), Checkpoint(files[1], hashed=True), threshold=None)
    standard = Standard(source.model, form=FREE._replace(black=black), decision=None)
    images = comparison_images((1, 97, 131), seed=1)
    predicted = standard(images)
    wanted = Predictor.from_files(*files, device='cpu')(images[0].transpose(1, 2, 0))
    np.testing.assert_allclose(predicted[0][0], wanted, atol=1e-5)
    probabilities, classes = standard.expected(images, predicted)
    mask = (images[0] == 0).all(axis=0)
    assert mask.sum() >= 24 * 32
    assert np.array_equal(probabilities[0][:, ~mask], predicted[0][0][:, ~mask])
    if black is None:
        assert np.array_equal(probabilities, predicted[0])
    else:
        assert (probabilities[0, black][mask] == 1).all()
        assert (classes[0][mask] == black).all()


def test_a_fault_that_files_and_maps_share_is_seen(model, monkeypatch):
    """Both go through the model, so a size that is filled up wrongly would be wrong in both."""
    images = comparison_images((1, 97, 131), seed=1)
    Standard(model, form=FREE, decision=None)(images)
    monkeypatch.setattr(model, 'encode_decode', MethodType(type(model).encode_decode, model))
    standard = Standard(model, form=FREE, decision=None)
    with pytest.raises(ExportError, match='Predictor would differ from mmseg, so it is not known which is right'):
        standard(images)
    standard(comparison_images((1, 96, 128), seed=1))


def test_a_rule_for_black_does_not_let_a_flat_model_pass():
    """Its probabilities 0 and 1 are not of the network, and would allow a hundred times as large a difference."""
    form = FREE._replace(black=0, outputs=('probabilities',))

    class Flat(Blank):
        def __call__(self, images):
            return np.full_like(blank(images)[0], 0.5), blank(images)[1]

        def expected(self, images, predicted):
            return Standard.expected(self, images, predicted)

    def run(images):
        standard = Flat(form)
        return {'probabilities': standard.expected(images, standard(images))[0] + np.float32(5e-6)}

    with pytest.raises(ExportError, match=r'by up to 5\.0e-06 .*1\.0e-06 is allowed'):
        verify.verify(run, standard=Flat(form), on_batch=lambda _: None)


def test_images_cover_the_range_and_are_the_same_every_time():
    image = comparison_images((2, 97, 131), seed=1)
    assert (image.shape, image.dtype, image.min(), image.max()) == ((2, 3, 97, 131), np.uint8, 0, 255)
    assert np.array_equal(image, comparison_images((2, 97, 131), seed=1))
    assert not np.array_equal(image[0], image[1])
    assert (image[..., :24, -32:] == 0).all()  # a black corner
    assert comparison_images((2, 97, 131), seed=1, bands=4).shape == (2, 4, 97, 131)
