import base64
import io

import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.report.page.tiles import encode_tile, shrink_image, small_tile

COLOURS = {1: (0, 114, 178), 5: (150, 150, 150)}


def decoded(address):
    kind, data = address.split(';base64,')
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f'data:image/{picture.format.lower()}'
    return picture


def test_maps_keep_their_colours_and_leave_other_values_transparent():
    classes = np.array([[0, 1, 5], [1, 0, 0]], np.uint8)
    image, maps, size = encode_tile(None, [classes], colours=[COLOURS], budget=10_000)
    pixels = np.asarray(decoded(maps[0]).convert('RGBA'))
    assert (image, size) == (None, (2, 3))
    assert pixels[..., 3].tolist() == [[0, 255, 255], [255, 0, 0]]
    assert pixels[0, 1, :3].tolist() == [0, 114, 178]
    assert pixels[0, 2, :3].tolist() == [150, 150, 150]


@pytest.mark.parametrize('count', [1, 2, 3, 4, 5, 16, 17, 255, 256])
def test_any_count_of_classes_comes_back(count):
    classes = (np.arange(64 * 64) % count).astype(np.uint8).reshape(64, 64)
    colours = {value: (value, 255 - value, 7) for value in range(count)}
    _, (layer,), _ = encode_tile(None, [classes], colours=[colours], budget=10**6)
    pixels = np.asarray(decoded(layer).convert('RGBA'))
    assert np.array_equal(pixels[..., 0], classes)
    assert np.array_equal(pixels[..., 1], 255 - classes)


def test_image_is_near_the_original_and_of_its_size():
    image = np.full((40, 60, 3), (200, 120, 40), np.uint8)
    maps = [np.zeros((40, 60), np.uint8)]
    picture, _, _ = encode_tile(image, maps, colours=[COLOURS], budget=10_000)
    seen = np.asarray(decoded(picture).convert('RGB')).astype(int)
    assert seen.shape == (40, 60, 3)
    assert np.abs(seen - image).max() < 12


@pytest.mark.parametrize('budget', [4_000, 20_000, 55_000])
@pytest.mark.parametrize('shape', [(512, 512), (512, 40), (3, 512)])
def test_noise_fits_its_budget(budget, shape):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 19, shape).astype(np.uint8)
    image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    colours = {value: (value, value, value) for value in range(19)}
    picture, maps, (height, width) = encode_tile(image, [noise] * 3, colours=[colours] * 3, budget=budget)
    assert sum(map(len, (picture, *maps))) <= budget
    assert decoded(picture).size == (width, height)
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.3)


def test_hopeless_budget_ends_with_the_smallest_tile():
    assert encode_tile(None, [np.zeros((512, 512), np.uint8)], colours=[COLOURS], budget=1)[2] == (16, 16)


def test_shrunk_image_is_the_mean_of_its_cells():
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, 2:] = 100
    image[0, 0] = 200
    assert shrink_image(image, 2)[..., 0].tolist() == [[50, 100]]


def test_small_tile_is_small():
    big = np.zeros((700, 1400), np.uint8)
    tile = small_tile('a', np.zeros((700, 1400, 3), np.uint8), label=big, prediction=big)
    assert (tile.image.shape, tile.label.shape, tile.prediction.shape) == ((256, 512, 3), (256, 512), (256, 512))
    assert small_tile('a', None, label=big, prediction=big).image is None
