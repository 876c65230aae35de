"""A trained model as a function on images: equal to mmseg's own prediction."""

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.apis import inference_model, init_model
from tiny_export import written

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.predict.predictor import VIEWS, Predictor


def noise(size=(64, 96), *, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def by_mmseg(config, checkpoint, image):
    """Return the logits that mmseg's own interface gives."""
    model = init_model(config, checkpoint, device='cpu')
    model.cfg.test_pipeline = [ConfigDict(type='LoadImageFromNDArray'), ConfigDict(type='PackSegInputs')]
    return inference_model(model, image[..., ::-1].copy()).seg_logits.data


@pytest.mark.parametrize('classes', [2, 3])
def test_probabilities_are_those_of_mmseg(tmp_path, classes):
    files = written(tmp_path, classes=classes)
    predictor = Predictor.from_files(*files, device='cpu')
    expected = by_mmseg(*files, noise()).softmax(dim=0)
    np.testing.assert_allclose(predictor(noise()), expected, atol=1e-5)


def test_a_head_with_one_channel_tells_two_classes(tmp_path):
    files = written(tmp_path, out_channels=1, threshold=0.4)
    predictor = Predictor.from_files(*files, device='cpu')
    foreground = by_mmseg(*files, noise())
    np.testing.assert_allclose(predictor(noise()), torch.cat([1 - foreground, foreground]), atol=1e-5)
    assert predictor.facts.decision == Threshold('green', float(np.nextafter(np.float32(0.4), np.float32(1))), 1)


def test_other_sizes_are_filled_up_by_the_mean_colour_and_cut_back(tmp_path):
    predictor = Predictor.from_files(*written(tmp_path), device='cpu')
    image = noise((50, 33))
    filled = np.full((64, 64, 3), predictor.facts.fill, np.uint8)
    filled[:50, :33] = image
    assert predictor(image).shape == (2, 50, 33)
    np.testing.assert_allclose(predictor(image), predictor(filled)[:, :50, :33], atol=0.01)  # colours are whole numbers


@pytest.mark.parametrize('size', [(1, 1), (1, 40), (40, 1)])
def test_the_smallest_images_are_predicted(tmp_path, size):
    probabilities = Predictor.from_files(*written(tmp_path), device='cpu')(noise(size))
    assert probabilities.shape == (2, *size)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)


def test_a_batch_is_its_images(tmp_path):
    predictor = Predictor.from_files(*written(tmp_path), device='cpu')
    images = np.stack([noise(seed=seed) for seed in range(3)])
    expected = np.stack([predictor(image) for image in images])
    np.testing.assert_allclose(predictor.predict(images), expected, atol=1e-6)


TURNED = {
    'flip': [lambda x: x, lambda x: x[:, ::-1]],
    'd4': [lambda x, k=k, m=m: np.rot90(x[:, ::-1] if m else x, k) for m in (0, 1) for k in range(4)],
}
BACK = {
    'flip': [lambda p: p, lambda p: p[:, :, ::-1]],
    'd4': [lambda p, k=k, m=m: np.rot90(p, -k, axes=(1, 2))[:, :, :: -1 if m else 1] for m in (0, 1) for k in range(4)],
}


@pytest.mark.parametrize('tta', ['flip', 'd4'])
@pytest.mark.parametrize('size', [(64, 96), (50, 33)])
def test_augmented_probabilities_are_the_mean_over_mirrored_and_turned_images(tmp_path, tta, size):
    files = written(tmp_path)
    plain, augmented = Predictor.from_files(*files, device='cpu'), Predictor.from_files(*files, device='cpu', tta=tta)
    image = noise(size)
    views = [back(plain(np.ascontiguousarray(turn(image)))) for turn, back in zip(TURNED[tta], BACK[tta], strict=True)]
    assert len(views) == len(VIEWS[tta])
    np.testing.assert_allclose(augmented(image), np.mean(views, axis=0), atol=1e-5)


def test_scales_see_a_plain_image_as_it_is(tmp_path):
    files = written(tmp_path)
    plain, scaled = Predictor.from_files(*files, device='cpu'), Predictor.from_files(*files, device='cpu', tta='scales')
    image = np.full((96, 96, 3), (30, 140, 60), np.uint8)
    inside = slice(None), slice(32, 64), slice(32, 64)  # away from the border, which the network sees
    np.testing.assert_allclose(scaled(image)[inside], plain(image)[inside], atol=1e-4)
    assert scaled(noise((50, 33))).shape == (2, 50, 33)
    assert np.abs(scaled(noise()) - plain(noise())).max() > 0.01


def test_half_precision_is_close_and_gives_float32(tmp_path):
    files = written(tmp_path)
    probabilities = Predictor.from_files(*files, device='cpu', amp=True)(noise())
    assert probabilities.dtype == np.float32
    difference = np.abs(probabilities - Predictor.from_files(*files, device='cpu')(noise()))
    assert 0 < difference.max() < 0.1


@pytest.mark.parametrize(('level', 'most'), [('off', 1e-5), ('max', 0.1)])
def test_levels_of_speed_differ_by_what_they_promise(tmp_path, level, most):
    files = written(tmp_path)
    safe, other = (Predictor.from_files(*files, device='cpu', level=name) for name in ('safe', level))
    assert (safe.facts.record['SPEED'], other.facts.record['SPEED']) == ('safe', level)
    np.testing.assert_allclose(other(noise()), safe(noise()), atol=most)


def test_what_is_known_of_the_model_goes_with_it(tmp_path):
    facts = Predictor.from_files(*written(tmp_path, meta={'gsd': 0.5}), device='cpu', threshold=0.3).facts
    assert (facts.legend.names, facts.legend.name_of_interest) == (('background', 'green'), 'green')
    assert facts.legend.palette == ((0, 0, 0), (0, 158, 115))
    assert facts.decision == Threshold('green', 0.3, 1)
    assert facts.fill == (120, 110, 100)
    assert facts.record['THRESHOLD'] == 'green from 0.3'
    assert facts.record['MODEL'] == 'tiny.pth'


def test_a_network_that_sees_bgr_has_its_mean_the_other_way_round(tmp_path):
    files = written(tmp_path, preprocessor=dict(bgr_to_rgb=False))
    assert Predictor.from_files(*files, device='cpu').facts.fill == (100, 110, 120)


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ({'device': 'cuda:77'}, 'device cuda:77 cannot be used'),
        ({'tta': 'mirror'}, 'tta .mirror. is unknown'),
        ({'level': 'fast'}, "speed 'fast' is unknown"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path, settings, said):
    with pytest.raises(ConfigError, match=said):
        Predictor.from_files(*written(tmp_path), **settings)


@pytest.mark.parametrize('image', [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_an_image_of_another_form_is_refused(tmp_path, image):
    with pytest.raises(ConfigError, match='RGB as uint8'):
        Predictor.from_files(*written(tmp_path), device='cpu')(image)
