import numpy as np
import pytest

from mmseg_aux_hrnet.datasets.label_rules import decode_colour, decode_grey, decode_indices, decode_palette, label_rule
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


VALUES = {0: 'ignore', 1: 0, 4: 1}


def test_label_values_give_each_value_its_class():
    values = np.array([[0, 1], [4, 4]], np.uint8)
    assert decode_grey(values, label_rule('index', PALETTE, label_values=VALUES)).tolist() == [[255, 0], [1, 1]]
    written = {'0': None, '1': 0, '4': 1}  # as in JSON
    assert label_rule('index', PALETTE, label_values=written) == label_rule('index', PALETTE, label_values=VALUES)
    assert label_rule('index', PALETTE, label_values={1: 0, 4: 1}) != label_rule('index', PALETTE)


@pytest.mark.parametrize('value', [2, 255])
def test_a_value_that_is_not_in_the_rule_is_named_with_its_position(value):
    values = np.array([[0, 1], [1, value]], np.uint8)
    with pytest.raises(LabelError, match=rf'value {value} at \(row, column\) \(1, 1\).*allowed are 0, 1, 4; .*ignore'):
        decode_grey(values, label_rule('index', PALETTE, label_values=VALUES))


def test_label_values_stand_for_indices_of_palette_files():
    rule = label_rule('index', PALETTE, label_values=VALUES)
    values = np.array([[0, 1, 4]], np.uint8)
    any_colours = np.array([[9, 9, 9], [1, 200, 3], [0, 0, 0], [0, 0, 0], [7, 0, 90]], np.uint8)
    assert decode_indices(values, any_colours, rule).tolist() == [[255, 0, 1]]
    greys = np.repeat(np.array([[4], [0], [1]], np.uint8), 3, axis=1)  # a program wrote the values as a palette
    assert decode_indices(np.array([[0, 1, 2]], np.uint8), greys, rule).tolist() == [[1, 255, 0]]
    exchanged = np.array([[9, 9, 9], [128, 0, 0], [9, 9, 9], [9, 9, 9], [0, 0, 0]], np.uint8)
    with pytest.raises(LabelError, match=r'indices \[1, 4\] the colours of the classes \[1, 0\]'):
        decode_indices(values[:, 1:], exchanged, rule)


@pytest.mark.parametrize(
    ('form', 'values', 'message'),
    [
        ('palette', VALUES, "label_values is for label_format='index', not 'palette'"),
        ('colour', VALUES, "not 'colour'"),
        ('binary', VALUES, "not 'binary'"),
        ('index', {0: 2}, r'a class 0\.\.1 or'),
        ('index', {0: -1, 1: 0}, r'a class 0\.\.1 or'),
        ('index', {256: 0}, r'each value 0\.\.255'),
        ('index', {'a': 0}, 'label_values='),
        ('index', {0: 'ignore'}, 'label_values='),
        ('index', {}, 'label_values='),
    ],
)
def test_wrong_label_values_raise(form, values, message):
    with pytest.raises(ConfigError, match=message):
        label_rule(form, PALETTE, label_values=values)
