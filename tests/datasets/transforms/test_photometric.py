import cv2
import numpy as np
import pytest
from mmseg.datasets.transforms import PhotoMetricDistortion

from mmseg_aux_hrnet.datasets.transforms.photometric import (
    ALL_VALUES,
    RandomBrightnessShift,
    TablePhotoMetricDistortion,
)
from mmseg_aux_hrnet.errors import ConfigError, DataError

pytestmark = pytest.mark.stack
IMAGE = np.random.default_rng(0).integers(0, 256, (24, 33, 3), np.uint8)


def count_of(monkeypatch, module, name):
    """Return a list that grows with each call of a function."""
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **kwargs: calls.append(1) or function(*args, **kwargs))
    return calls


def distorted(kind, image, *, seed, **kwargs):
    np.random.seed(seed)
    result = kind(**kwargs)(dict(img=image))['img']
    return result, np.random.random_sample()  # which also shows how many numbers were drawn


@pytest.mark.parametrize('kwargs', [{}, dict(brightness_delta=255, contrast_range=(0.0, 9.0), hue_delta=90)])
def test_same_draws_give_the_results_of_mmseg(monkeypatch, kwargs):
    both = []
    for seed in range(120):
        conversions = count_of(monkeypatch, cv2, 'cvtColor')
        ours, number = distorted(TablePhotoMetricDistortion, IMAGE, seed=seed, **kwargs)
        want, its_number = distorted(PhotoMetricDistortion, IMAGE, seed=seed, **kwargs)
        assert number == its_number
        if len(conversions) == 2 + 4:  # ours made one trip through HSV, mmseg two
            both.append(cv2.absdiff(ours, want))
        else:
            assert np.array_equal(ours, want)
    assert 15 < len(both) < 45


def test_saturation_and_hue_together_are_equal_to_rounding(monkeypatch):
    monkeypatch.setattr(TablePhotoMetricDistortion, 'brightness', lambda _, image: image)
    monkeypatch.setattr(TablePhotoMetricDistortion, 'contrast', lambda _, image: image)
    ours, stock = TablePhotoMetricDistortion(), PhotoMetricDistortion()
    differences = []
    for seed in range(80):
        np.random.seed(seed)
        got = ours._saturation_and_hue(IMAGE)
        np.random.seed(seed)
        differences.append(cv2.absdiff(got, stock.hue(stock.saturation(IMAGE))))
    assert np.max(differences) <= 3
    assert np.mean(np.array(differences) > 1) < 0.001


@pytest.mark.parametrize('seed', range(5))
def test_every_factor_and_shift_gives_the_values_of_mmseg(seed):
    rng = np.random.default_rng(seed)
    ours, stock = TablePhotoMetricDistortion(), PhotoMetricDistortion()
    settings = [dict(alpha=alpha) for alpha in (0.0, 0.5, 1.0, 1.5, *rng.uniform(0.0, 3.0, 300))]
    settings += [dict(beta=beta) for beta in (-300, -0.5, 0.0, 0.5, 300, *rng.uniform(-40, 40, 300))]
    for setting in settings:
        assert np.array_equal(ours.convert(ALL_VALUES, **setting), stock.convert(ALL_VALUES, **setting))
        assert np.array_equal(ours.convert(IMAGE, **setting), stock.convert(IMAGE, **setting))


def test_the_image_is_not_changed_in_place():
    image = IMAGE.copy()
    image.flags.writeable = False
    for seed in range(20):
        distorted(TablePhotoMetricDistortion, image, seed=seed)
    assert np.array_equal(image, IMAGE)


def test_ranges_of_nothing_leave_the_image_but_for_the_rounding_of_hsv():
    nothing = dict(brightness_delta=0, contrast_range=(1.0, 1.0), saturation_range=(1.0, 1.0), hue_delta=0)
    round_trip = cv2.cvtColor(cv2.cvtColor(IMAGE, cv2.COLOR_BGR2HSV), cv2.COLOR_HSV2BGR)
    for seed in range(20):
        image, _ = distorted(TablePhotoMetricDistortion, IMAGE, seed=seed, **nothing)
        assert np.array_equal(image, IMAGE) or np.array_equal(image, round_trip)


def test_floats_are_refused():
    with pytest.raises(DataError, match='images of float32.*without to_float32'):
        TablePhotoMetricDistortion()(dict(img=IMAGE.astype(np.float32)))


RGBN = ('red', 'green', 'blue', 'nir')


@pytest.mark.parametrize('bands', [RGBN, ('nir', 'blue', 'swir', 'green', 'red')])
def test_colours_of_rgb_change_as_ever_and_other_bands_in_brightness_and_contrast(monkeypatch, bands):
    image = np.random.default_rng(1).integers(0, 256, (24, 33, len(bands)), np.uint8)
    places = [bands.index(name) for name in ('blue', 'green', 'red')]
    for seed in range(40):
        np.random.seed(seed)
        ours = TablePhotoMetricDistortion()(dict(img=image, bands=bands))['img']
        number = np.random.random_sample()
        want, its_number = distorted(TablePhotoMetricDistortion, image[..., places].copy(), seed=seed)
        assert number == its_number
        assert np.array_equal(ours[..., places], want)
        np.random.seed(seed)
        alone = TablePhotoMetricDistortion()
        monkeypatch.setattr(alone, '_recoloured', lambda img, *_: img)
        bare = alone(dict(img=image, bands=bands))['img']
        others = [place for place in range(len(bands)) if place not in places]
        assert np.array_equal(ours[..., others], bare[..., others])


@pytest.mark.parametrize('bands', [('nir',), ('nir', 'red'), ('green', 'red', 'nir'), tuple('abcdefghijkl')])
def test_without_red_green_and_blue_no_colour_changes(bands):
    image = np.full((4, 6, len(bands)), 100, np.uint8)
    for seed in range(40):
        np.random.seed(seed)
        got = TablePhotoMetricDistortion()(dict(img=image, bands=bands))['img']
        assert got.shape == image.shape and (got == got[0, 0, 0]).all()  # every band by the same draw


def test_brightness_shifts_every_second_image_by_one_whole_number():
    """As the official HRNet code: none for half of the images, else evenly from -shift to shift, cut to 0..255."""
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    seen = []
    for seed in range(400):
        shifted, _ = distorted(RandomBrightnessShift, image, seed=seed, shift=2)
        drawn = int(shifted[8, 0, 0]) - 128
        assert np.array_equal(shifted, (image.astype(int) + drawn).clip(0, 255))
        seen.append(drawn)
    counts = {drawn: seen.count(drawn) for drawn in sorted(set(seen))}
    assert list(counts) == [-2, -1, 0, 1, 2]
    assert counts[0] > 200  # half of the images, and a fifth of the other half
    with pytest.raises(ConfigError, match='shift=-1: give a whole number'):
        RandomBrightnessShift(-1)
