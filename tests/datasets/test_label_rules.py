import numpy as np
import pytest

from mmseg_aux_hrnet.datasets.label_rules import decode_colour, decode_grey, decode_palette, label_rule
from mmseg_aux_hrnet.errors import ConfigError, LabelError

PALETTE = [[0, 0, 0], [128, 0, 0]]


def rule(form):
    return label_rule(form, PALETTE)


def test_index_keeps_classes_and_ignored():
    values = np.array([[0, 1], [255, 1]], np.uint8)
    assert decode_grey(values, rule('index')).tolist() == [[0, 1], [255, 1]]


def test_binary_maps_255_to_class_one():
    assert decode_grey(np.array([[0, 255]], np.uint8), rule('binary')).tolist() == [[0, 1]]


def test_palette_goes_by_colour_not_by_index():
    colours = np.array([[128, 0, 0], [9, 9, 9], [0, 0, 0]], np.uint8)
    values = np.array([[0, 2, 255]], np.uint8)
    assert decode_palette(values, colours, rule('palette')).tolist() == [[1, 0, 255]]


def test_colour():
    pixels = np.array([[[0, 0, 0], [128, 0, 0]]], np.uint8)
    assert decode_colour(pixels, rule('colour')).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ('decode', 'form', 'values', 'message'),
    [
        (decode_grey, 'index', [[0, 1], [1, 128]], r'value 128 at \(row, column\) \(1, 1\).*0\.\.1 and 255'),
        (decode_grey, 'binary', [[0, 255], [1, 0]], r'value 1 at .*\(1, 0\).*0 and 255'),
        (decode_colour, 'colour', [[[0, 0, 0], [0, 128, 0]]], r'colour \(0, 128, 0\) at .*\(0, 1\).*\(128, 0, 0\)'),
    ],
)
def test_unknown_values_are_named_with_their_position(decode, form, values, message):
    with pytest.raises(LabelError, match=message):
        decode(np.array(values, np.uint8), rule(form))


@pytest.mark.parametrize(('index', 'message'), [(1, r'index 1 \(7, 7, 7\)'), (9, 'index 9 without colour')])
def test_unknown_palette_colours_are_named(index, message):
    colours = np.array([[0, 0, 0], [7, 7, 7]], np.uint8)
    with pytest.raises(LabelError, match=message):
        decode_palette(np.array([[0, index]], np.uint8), colours, rule('palette'))


@pytest.mark.parametrize(
    ('form', 'palette', 'message'),
    [
        ('rgb', PALETTE, 'index, palette, colour, binary'),
        ('binary', [*PALETTE, [1, 1, 1]], '2 classes, not 3'),
        ('colour', [[0, 0, 0], [0, 0, 0]], 'colour of its own'),
    ],
)
def test_wrong_rules_raise(form, palette, message):
    with pytest.raises(ConfigError, match=message):
        label_rule(form, palette)
