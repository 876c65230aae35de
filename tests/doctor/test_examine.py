import numpy as np
import pytest

from mmseg_aux_hrnet.doctor.examine import nodata_mask

PICTURE = np.random.default_rng(0).integers(40, 200, (40, 50, 3)).astype(np.uint8)


@pytest.mark.parametrize('colour', [0, 255])
def test_an_edge_of_one_colour_is_without_data(colour):
    image, edge = PICTURE.copy(), np.zeros((40, 50), bool)
    for row in range(20):  # a wedge, as a turned orthophoto leaves it
        edge[row, : 20 - row] = True
    image[edge] = colour
    assert np.array_equal(nodata_mask(image), edge)


def test_what_is_inside_or_small_or_nearly_black_is_a_picture():
    image = PICTURE.copy()
    image[10:20, 10:20] = 0  # a shadow that reaches no corner
    image[:3, :3] = 0  # 9 of 2000 pixels
    image[:, 45:] = 1
    assert not nodata_mask(image).any()


def test_transparent_pixels_are_without_data():
    alpha = np.full((40, 50), 9, np.uint8)
    alpha[7, 8] = 0
    assert np.argwhere(nodata_mask(PICTURE, alpha=alpha)).tolist() == [[7, 8]]


def test_an_image_of_one_colour_has_no_data():
    assert nodata_mask(np.zeros((4, 5, 3), np.uint8)).all()
