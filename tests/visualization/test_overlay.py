import numpy as np
import pytest

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.visualization import panels, side_by_side
from mmseg_aux_hrnet.visualization.overlay import (
    CAPTION_HEIGHT,
    CORRECT,
    FALSE_ALARM,
    GAP,
    MISSED,
    blend,
    overlay_classes,
    overlay_errors,
    shown_colours,
)

GREEN = Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)
GREY = np.full((2, 3, 3), 100, np.uint8)


def mixed(colour):
    return [round(0.45 * 100 + 0.55 * c) for c in colour]


def test_blend_touches_the_mask_only():
    out = blend(GREY, np.array([[1, 0, 0], [0, 0, 0]], bool), (200, 0, 100), opacity=0.5)
    assert out[0, 0].tolist() == [150, 50, 100]
    assert (out.reshape(-1, 3)[1:] == 100).all()


def test_background_stays_bare():
    classes = np.array([[0, 1, 0], [0, 0, 0]], np.uint8)
    out = overlay_classes(GREY, classes, {1: (128, 0, 0)})
    assert out[0, 1].tolist() == mixed((128, 0, 0))
    assert (out[0, [0, 2]] == 100).all()


@pytest.mark.parametrize(
    ('classes', 'shown'),
    [
        (('road', 'wall', 'sky'), [0, 1, 2]),
        (('Background', 'Hat', 'Hair'), [1, 2]),
        (('tree', 'background', 'lawn'), [0, 2]),
        (('green',), [0]),
    ],
)
def test_of_more_than_two_classes_only_a_background_stays_bare(classes, shown):
    palette = tuple((index, 10, 20) for index in range(len(classes)))
    colours = shown_colours(Classes(classes, palette))
    assert colours == {index: (index, 10, 20) for index in shown}
    row = panels(GREY, np.zeros((2, 3), np.uint8), None, classes=Classes(classes, palette))
    assert [word for word, _ in row[1].caption[1:]] == [classes[index] for index in shown]
    assert row[1].pixels[0, 0].tolist() == (mixed(palette[0]) if 0 in shown else [100] * 3)


def test_errors_have_their_colours_and_ignored_pixels_none():
    prediction = np.array([[1, 1, 0], [0, 1, 0]], np.uint8)
    label = np.array([[1, 0, 1], [0, 255, 255]], np.uint8)
    out = overlay_errors(GREY, prediction, label, of_interest=1)
    assert [out[0, i].tolist() for i in range(3)] == [mixed(c) for c in (CORRECT, FALSE_ALARM, MISSED)]
    assert (out[1] == 100).all()


def test_side_by_side_keeps_the_pixels_below_the_captions():
    label = np.array([[1, 0, 1], [0, 0, 0]], np.uint8)
    row = panels(GREY, label, label, classes=GREEN)
    picture = side_by_side(row)
    assert picture.shape == (2 * 100 + CAPTION_HEIGHT, 3 * 300 + 2 * GAP, 3)  # 3 pixels become 300
    assert (picture[CAPTION_HEIGHT:, :300] == GREY[0, 0]).all()
    assert (picture[CAPTION_HEIGHT::100, 2 * (300 + GAP) :: 100] == row[2].pixels).all()


def test_a_long_caption_goes_on_below_and_leaves_the_next_panel_alone():
    classes = tuple(f'a class {index}' for index in range(19))
    palette = tuple((index, 250, index) for index in range(19))
    label = np.zeros((40, 300), np.uint8)
    row = panels(np.full((40, 300, 3), 100, np.uint8), label, label, classes=Classes(classes, palette))
    picture = side_by_side(row)
    above = picture.shape[0] - 40
    assert above > CAPTION_HEIGHT
    for left in (300 + GAP, 2 * (300 + GAP)):  # every swatch of a panel is above it
        swatches = picture[:above, left : left + 300]
        assert set(swatches[swatches[..., 1] == 250][:, 0].tolist()) >= set(range(19))
    assert (picture[:above, 300 : 300 + GAP] == 255).all()
    assert (picture[above:, :300] == 100).all()


def test_without_label_there_are_two_panels():
    row = panels(GREY, np.ones((2, 3), np.uint8), None, classes=GREEN)
    assert row[1].pixels[0, 0].tolist() == mixed(CORRECT)
    assert [panel.caption[0][0] for panel in row] == ['image', 'prediction:']
