"""Which class is what: options in, indices out, and nothing guessed."""

from pathlib import Path

import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.labelling.class_rules import (
    LabelFile,
    class_rules,
    classes_of_layers,
    parse_label_file,
    parse_pairs,
    value_text,
    voc_colour,
)


def rules(classes='background,green,roof', **options):
    return class_rules(classes=classes, **{'class_map': None, **options})


def layer(path, name=None, of_class=None):
    return LabelFile(Path(path), name or Path(path).stem, of_class)


def test_pairs_with_commas_stand_in_quotes():
    assert parse_pairs('a=b, c=d', option='--x') == {'a': 'b', 'c': 'd'}
    assert parse_pairs('"Acker, Wiese=green",x=y=roof', option='--x') == {'Acker, Wiese': 'green', 'x=y': 'roof'}
    for wrong in ('a', 'a=', '=b', 'a=b,a=c', ''):
        with pytest.raises(ConfigError, match='--x is'):
            parse_pairs(wrong, option='--x')


def test_classes_follow_the_map_after_a_background():
    found = class_rules(classes=None, class_map='p=green,q=background,r=roof,s=green,t=ignore')
    assert found.classes.names == ('background', 'green', 'roof')
    assert found.of_value == {'p': 1, 'q': 0, 'r': 2, 's': 1, 't': 255} and found.rest is None


@pytest.mark.parametrize(
    ('value', 'text'),
    [(' green ', 'green'), ('', '(empty)'), ('  ', '(empty)'), (None, '(empty)'), (3.0, '3'), (1.5, '1.5')],
)
def test_values_are_written_as_a_class_map_can_name_them(value, text):
    assert value_text(value) == text


def test_painting_follows_the_classes_or_what_is_said():
    assert rules().painting == (0, 1, 2, 255)
    assert rules(paint_order='roof,green').painting == (0, 2, 1, 255)
    assert rules(paint_order='ignore,green').painting == (0, 2, 255, 1)
    assert 'background, roof, green, ignore' in rules(paint_order='roof,green').painting_note()


def test_colours_are_those_of_voc_or_what_is_said():
    assert [voc_colour(index) for index in (0, 1, 2, 8, 20)] == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [64, 0, 0], [0, 64, 128]
    ]  # fmt: skip
    assert rules(palette='green=#00ff10').classes.palette == ((0, 0, 0), (0, 255, 16), (0, 128, 0))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'classes': 'a,a'}, 'name each class once'),
        ({'classes': 'a,ignore'}, 'which is not a class'),
        ({'classes': None}, 'no classes: give --classes'),
        ({'class_map': 'x=tree'}, '--class-map x=tree: not among the classes background, green, roof'),
        ({'paint_order': 'green,tree'}, 'name each once, the lowest first'),
        ({'unlabelled': 'tree'}, '--unlabelled is'),
        ({'palette': 'green=red'}, '--palette green=red: give CLASS=#RRGGBB'),
        ({'palette': 'green=#000000'}, 'background, green have the same colour'),
        ({'of_interest': 'tree'}, "class_of_interest 'tree' is not a class"),
    ],
)
def test_options_that_name_no_class_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        rules(**options)


@pytest.mark.parametrize(
    ('classes', 'layers', 'expected'),
    [
        ('background,green', [layer('a.gpkg', 'x'), layer('b.gpkg', 'y')], [1, 1]),
        ('background,green,roof', [layer('a.gpkg', 'roof'), layer('a.gpkg', 'green')], [2, 1]),
        ('background,green,roof', [layer('roof.shp'), layer('x.shp', of_class='green')], [2, 1]),
        ('background,green,roof', [layer('x.shp', of_class='ignore'), layer('green.shp')], [255, 1]),
    ],
)
def test_layers_are_what_they_are_called_or_the_only_class(classes, layers, expected):
    assert classes_of_layers(layers, rules(classes)) == expected


@pytest.mark.parametrize(
    'layers',
    [
        [layer('a.gpkg', 'x'), layer('a.gpkg', 'y')],
        [layer('x.shp')],
        [layer('x.shp')] * 3,
        [layer('green.gpkg', 'x'), layer('green.gpkg', 'roof')],  # the name of the file is not that of two layers
        [layer('roofs.shp'), layer('greens.shp')],  # as many as classes: their order says nothing
    ],
)
def test_layers_that_could_be_any_class_are_refused(layers):
    with pytest.raises(ConfigError, match='which class is .*Give CLASS=FILE:LAYER of background, green, roof'):
        classes_of_layers(layers, rules())


def test_a_name_that_exists_is_a_file_whatever_is_in_it(tmp_path):
    odd, plain = tmp_path / 'a=b:c.gpkg', tmp_path / 'plain.gpkg'
    for path in (odd, plain):
        path.touch()
    assert parse_label_file(str(odd), ('green',)) == LabelFile(odd)
    assert parse_label_file(f'{plain}:trees', ('green',)) == LabelFile(plain, 'trees')
    assert parse_label_file(f'green={plain}:trees', ('green',)) == LabelFile(plain, 'trees', 'green')
    with pytest.raises(ConfigError, match='tree is not a class: choose from green, ignore'):
        parse_label_file(f'tree={plain}', ('green',))
    with pytest.raises(ConfigError, match='does not exist: give FILE, FILE:LAYER or CLASS=FILE'):
        parse_label_file(f'{plain}.gone', ('green',))
