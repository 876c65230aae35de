"""Models that see windows at another ground sampling distance."""

import numpy as np
import pytest
from map_support import StubModel

from mmseg_aux_hrnet.maps.predict.model import ResampledModel


@pytest.mark.parametrize('factors', [(1.0, 1.0), (1.01, 0.99)])
def test_windows_of_the_same_size_pass_untouched(factors):
    image = np.random.default_rng(0).integers(0, 256, (1, 12, 16, 3)).astype(np.uint8)
    model = StubModel(shifted=True)
    np.testing.assert_array_equal(ResampledModel(model, factors=factors).predict(image), model.predict(image))


def test_the_model_sees_means_of_areas_of_a_finer_raster():
    image = np.random.default_rng(0).integers(0, 256, (1, 12, 16, 3)).astype(np.uint8)
    model = StubModel()
    probabilities = ResampledModel(model, factors=(0.5, 0.25)).predict(image)
    [seen] = model.windows
    means = image.reshape(1, 6, 2, 4, 4, 3).mean(axis=(2, 4))
    assert seen.shape == (1, 6, 4, 3)
    assert np.abs(seen - means).max() <= 1  # the axes are rounded one after the other
    assert probabilities.shape == (1, 2, 12, 16)


@pytest.mark.parametrize('factors', [(3.0, 3.0), (0.5, 2.0), (2.5, 0.3)])
def test_a_plain_window_stays_plain_and_probabilities_sum_to_one(factors):
    image = np.full((2, 20, 30, 3), 64, np.uint8)
    probabilities = ResampledModel(StubModel(), factors=factors).predict(image)
    np.testing.assert_allclose(probabilities[:, 1], 0.25, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_the_smallest_window_stays_one_pixel():
    model = StubModel()
    assert ResampledModel(model, factors=(0.1, 0.1)).predict(np.zeros((1, 2, 3, 3), np.uint8)).shape == (1, 2, 2, 3)
    assert model.windows[0].shape == (1, 1, 1, 3)
