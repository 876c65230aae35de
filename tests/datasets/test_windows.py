import cv2
import numpy as np
import pytest

from mmseg_aux_hrnet.datasets import windows
from mmseg_aux_hrnet.datasets.windows import Window, bilinear_window, nearest_window, warp_is_exact


def noise(size, *, seed, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)


def steps(size, *, seed):
    """Return black and white pixels: where a sample is taken from shows most in them."""
    return np.random.default_rng(seed).integers(0, 2, (*size, 3), np.uint8) * 255


def draw(seed):
    """Return a size, a scaled size and a window of it, in a corner for every third seed."""
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(3, 64, 2).tolist())
    ratio = rng.uniform(0.4, 4)
    scaled = tuple(max(round(side * ratio), 1) for side in size)
    height, width = (int(rng.integers(1, side + 1)) for side in scaled)
    top, left = scaled[0] - height, scaled[1] - width
    if seed % 3:
        top, left = int(rng.integers(0, top + 1)), int(rng.integers(0, left + 1))
    return size, scaled, Window(top, left, height, width)


def quantised_warp(image, matrix, size, **_):
    """Sample at positions rounded to 1/32 pixel, as OpenCV's warp did before version 5."""
    columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    positions = [matrix[row, row] * values + matrix[row, 2] for row, values in enumerate((columns, rows))]
    quantised = cv2.convertMaps(*(np.float32(values) for values in positions), cv2.CV_16SC2)
    return cv2.remap(image, *quantised, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize('seed', range(40))
def test_nearest_window_is_the_cut_of_the_scaled_label(seed):
    size, scaled, window = draw(seed)
    label = noise(size, seed=seed, channels=1)[..., 0]
    whole = cv2.resize(label, scaled[::-1], interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(nearest_window(label, scaled=scaled, window=window), whole[window.slices])


@pytest.mark.parametrize('image_of', [noise, steps])
@pytest.mark.parametrize('seed', range(40))
def test_bilinear_window_differs_by_one_level_at_most(monkeypatch, image_of, seed):
    monkeypatch.setattr(windows, 'WARP_COST', 0)  # warp where only the window is scaled anyway
    size, scaled, window = draw(seed)
    image = image_of(size, seed=seed)
    whole = cv2.resize(image, scaled[::-1])[window.slices]
    assert cv2.absdiff(bilinear_window(image, scaled=scaled, window=window), whole).max(initial=0) <= 1


@pytest.mark.parametrize(
    'image', [noise((20, 30), seed=0).astype(np.float32), noise((20, 30), seed=0, channels=5)], ids=['float', 'bands']
)
def test_other_images_are_scaled_as_a_whole(image):
    window = Window(5, 7, 8, 9)
    whole = cv2.resize(image, (90, 60))
    assert np.array_equal(bilinear_window(image, scaled=(60, 90), window=window), whole[window.slices])


def test_a_warp_of_rounded_positions_is_not_used(monkeypatch):
    monkeypatch.setattr(windows.cv2, 'warpAffine', quantised_warp)
    warp_is_exact.cache_clear()
    try:
        assert not warp_is_exact()
        image, window = steps((20, 30), seed=0), Window(5, 7, 8, 9)
        whole = cv2.resize(image, (91, 61))
        assert np.array_equal(bilinear_window(image, scaled=(61, 91), window=window), whole[window.slices])
    finally:
        warp_is_exact.cache_clear()


def test_only_the_window_is_computed_where_that_is_less(monkeypatch):
    monkeypatch.setattr(windows, 'warp_is_exact', lambda: True)
    monkeypatch.setattr(windows.cv2, 'resize', lambda *_: pytest.fail('the whole image was scaled'))
    cut = bilinear_window(noise((40, 60), seed=0), scaled=(160, 240), window=Window(100, 20, 30, 50))
    assert cut.shape == (30, 50, 3)


def test_an_image_of_its_own_size_is_not_copied():
    image = noise((20, 30), seed=0)
    assert np.shares_memory(image, bilinear_window(image, scaled=(20, 30), window=Window(2, 3, 4, 5)))


@pytest.mark.skipif(int(cv2.__version__.split('.')[0]) < 5, reason='rounds positions to 1/32 pixel')
def test_the_warp_of_opencv_5_is_exact_and_used():
    warp_is_exact.cache_clear()
    assert warp_is_exact()
