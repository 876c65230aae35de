import pytest

from mmseg_aux_hrnet.bands import RGB, Bands, bands_in, check_same_bands, make_bands
from mmseg_aux_hrnet.errors import ConfigError

RGBN = Bands(('red', 'green', 'blue', 'nir'))


def test_plain_rgb_says_nothing_and_nothing_is_rgb():
    assert make_bands(None) == Bands() == bands_in({}) and Bands().plain
    assert Bands().meta() == {}
    assert not make_bands(None, (0, 3000)).plain


def test_meta_is_read_back():
    scaled = make_bands(['NIR', ' red '], [(0, 3000), (1, 2.5)])
    assert scaled == Bands(('nir', 'red'), ((0.0, 3000.0), (1.0, 2.5)))
    assert bands_in(scaled.meta()) == scaled
    assert bands_in(RGBN.meta()) == RGBN


def test_one_pair_is_the_rule_of_all_bands():
    assert make_bands(RGB, (0, 3000)).scale == ((0.0, 3000.0),) * 3


def test_three_bands_are_loaded_in_reverse_and_others_are_not():
    assert Bands().loaded == ('blue', 'green', 'red')
    assert Bands(('nir', 'red', 'green')).loaded == ('green', 'red', 'nir')
    assert RGBN.loaded == RGBN.names


@pytest.mark.parametrize(
    ('names', 'scale', 'message'),
    [
        ('rgb', None, '1 to 12 different names'),
        ([], None, '1 to 12 different names'),
        (['red', 'Red'], None, '1 to 12 different names'),
        (['red', ''], None, '1 to 12 different names'),
        ([f'band{i}' for i in range(13)], None, '1 to 12 different names'),
        (['red', 'nir'], [(0, 1)], '2 pairs'),
        (['red', 'nir'], [(0, 1), (3, 3)], 'low below its high'),
        (['red', 'nir'], [(0, 1), (0, float('nan'))], 'low below its high'),
        (['red', 'nir'], 'auto', r'\(low, high\) of each band'),
        (['red', 'nir'], 5, r'\(low, high\) of each band'),
    ],
)
def test_what_is_not_bands_is_refused(names, scale, message):
    with pytest.raises(ConfigError, match=message):
        make_bands(names, scale)


@pytest.mark.parametrize(
    ('names', 'asked', 'shown'),
    [
        (('nir', 'blue', 'red', 'green'), None, RGB),
        (('nir', 'red', 'green'), None, ('nir', 'red', 'green')),
        (('nir', 'red'), None, ('nir',) * 3),
        (RGBN.names, ('nir', 'red', 'green'), ('nir', 'red', 'green')),
        (RGBN.names, ('nir',) * 3, ('nir',) * 3),
    ],
)
def test_a_picture_shows_three_bands(names, asked, shown):
    assert Bands(names).shown(asked).names == shown


def test_a_picture_keeps_the_rule_of_its_bands():
    scaled = make_bands(['nir', 'red', 'green', 'blue'], [(0, 4), (0, 1), (0, 2), (0, 3)])
    assert scaled.shown().scale == ((0, 1), (0, 2), (0, 3))


@pytest.mark.parametrize(
    ('asked', 'message'), [(('nir', 'red'), 'three bands'), (('nir', 'red', 'swir'), 'swir is not')]
)
def test_a_picture_of_other_bands_is_refused(asked, message):
    with pytest.raises(ConfigError, match=message):
        RGBN.shown(asked)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (Bands(), 'red, green, blue, nir, and the data set of this config gives red, green, blue:'),
        (Bands(('nir', 'red', 'green', 'blue')), 'gives nir, red, green, blue:'),
        (make_bands(RGBN.names, (0, 3000)), 'scaled by no rule .*0:3000'),
    ],
)
def test_a_checkpoint_refuses_other_bands(given, message):
    check_same_bands(RGBN, RGBN, source='a.pth')
    with pytest.raises(ConfigError, match=f'^a.pth was trained on .*{message}'):
        check_same_bands(RGBN, given, source='a.pth')
