"""Classes out of the metainfo of a data set."""

import pytest

from mmseg_aux_hrnet.classes import Classes, class_set
from mmseg_aux_hrnet.errors import ConfigError

TWO = {'classes': ('background', 'green')}


@pytest.mark.parametrize(
    ('meta', 'chosen', 'of_interest'),
    [
        (TWO, None, 'green'),
        (TWO, 'background', 'background'),
        ({**TWO, 'class_of_interest': 'background'}, None, 'background'),
        ({**TWO, 'class_of_interest': 'background'}, 'green', 'green'),
        ({'classes': ['a', 'b', 'c']}, None, None),
        ({'classes': ['a', 'b', 'c']}, 'b', 'b'),
        ({'classes': ['a']}, None, None),
    ],
)
def test_class_of_interest(meta, chosen, of_interest):
    classes = class_set(meta, of_interest=chosen)
    assert classes.name_of_interest == of_interest
    assert classes.names == tuple(meta['classes'])
    assert classes.palette is None


def test_palette_becomes_plain_numbers():
    assert class_set({**TWO, 'palette': [[0, 0, 0], (128, 0, 0)]}).palette == ((0, 0, 0), (128, 0, 0))


@pytest.mark.parametrize(
    ('meta', 'chosen', 'message'),
    [
        ({}, None, 'must name each class once'),
        ({'classes': ('a', '')}, None, 'must name each class once'),
        ({'classes': ('a', 'a')}, None, 'must name each class once'),
        (TWO, 'gren', "'gren' is not a class of the data set: choose from background, green"),
        ({**TWO, 'palette': [[0, 0, 0]]}, None, 'palette of 1 colour for 2 classes'),
        ({**TWO, 'palette': [[0, 0], [1, 1]]}, None, 'palette of 2 colours for 2 classes'),
    ],
)
def test_what_is_no_set_of_classes(meta, chosen, message):
    with pytest.raises(ConfigError, match=message):
        class_set(meta, of_interest=chosen)


@pytest.mark.parametrize(
    ('names', 'of_interest', 'bare'),
    [
        (('other', 'green'), None, 0),
        (('other', 'green'), 1, 0),
        (('green', 'other'), 0, 1),
        (('background', 'green'), 0, 1),
        (('green', 'Background'), None, 1),
        (('a', 'Background', 'c'), None, 1),
        (('a', 'background', 'c'), 1, None),
        (('a', 'b', 'c'), None, None),
        (('a',), None, None),
    ],
)
def test_class_that_stays_bare(names, of_interest, bare):
    assert Classes(names, None, of_interest).background == bare
