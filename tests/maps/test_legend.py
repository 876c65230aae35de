"""The legend of a class map and the tags that carry it."""

import pytest

from mmseg_aux_hrnet.classes import Classes, map_classes
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.legend import legend_tags, read_legend

GREEN = Classes(('background', 'green, urban'), ((0, 0, 0), (128, 0, 0)), 1)
TABLE = {0: (0, 0, 0, 255), 1: (128, 0, 0, 255)}


def test_tags_and_colour_table_give_the_legend_back():
    assert read_legend(legend_tags(GREEN), TABLE) == GREEN


def test_a_map_from_elsewhere_is_named_by_the_command_line():
    assert read_legend({}, None, classes=['ground', 'house']) == Classes(('ground', 'house'))


def test_names_given_replace_those_of_the_map():
    assert read_legend(legend_tags(GREEN), TABLE, classes=['a', 'b']).names == ('a', 'b')


def test_a_colour_table_that_lacks_a_class_is_none():
    assert read_legend(legend_tags(GREEN), {0: (0, 0, 0, 255)}).palette is None


@pytest.mark.parametrize(
    ('tags', 'classes', 'said'),
    [
        ({}, None, 'give --classes'),
        ({'CLASS_NAMES': '["a"'}, None, 'is damaged'),
        ({'CLASS_NAMES': '[]'}, None, 'is damaged'),
        ({'CLASS_NAMES': '["a", 3]'}, None, 'is damaged'),
        (legend_tags(GREEN), ['one'], 'gives 1 name, but the map has 2 classes'),
    ],
)
def test_what_is_not_said_is_not_guessed(tags, classes, said):
    with pytest.raises(ConfigError, match=said):
        read_legend(tags, None, classes=classes)


@pytest.mark.parametrize(
    ('name', 'label', 'shown'),
    [
        ('green', (128, 0, 0), (0, 158, 115)),
        ('building', (255, 255, 255), (213, 94, 0)),
        ('green', (0, 200, 0), (0, 200, 0)),
        ('water', (128, 0, 0), (128, 0, 0)),
    ],
)
def test_maps_have_the_colours_of_labels_but_for_those_of_the_reference_data_sets(name, label, shown):
    classes = Classes(('background', name), ((0, 0, 0), label), 1)
    assert map_classes(classes) == Classes(('background', name), ((0, 0, 0), shown), 1)
    assert map_classes(Classes(('background', name))).palette is None
