import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.raster.bands import Band, choose_bands, parse_bands


def bands(*interpretations, described=()):
    names = [*described, *[None] * len(interpretations)]
    return [Band(i, colour, names[i - 1]) for i, colour in enumerate(interpretations, start=1)]


RGBN = bands('red', 'green', 'blue', 'undefined', described=('R', 'G', 'B', 'NIR'))
UNSAID = bands('gray', 'undefined', 'undefined', 'undefined')
CIR = bands('gray', 'undefined', 'undefined', 'undefined', described=('nir', 'Red', 'Green', 'Blue'))


@pytest.mark.parametrize(
    ('raster', 'chosen'),
    [
        (bands('red', 'green', 'blue'), (1, 2, 3)),
        (bands('blue', 'green', 'red', 'alpha'), (3, 2, 1)),
        (RGBN, (1, 2, 3)),
        (bands('undefined', 'red', 'green', 'blue'), (2, 3, 4)),
        (bands('gray', 'undefined', 'undefined', described=('blue', 'green', 'red')), (3, 2, 1)),
    ],
)
def test_the_raster_says_its_colours(raster, chosen):
    assert choose_bands(raster, None) == (chosen, None)


@pytest.mark.parametrize(
    'raster',
    [
        UNSAID[:3],
        bands('undefined', 'undefined', 'undefined', 'alpha'),
        bands('undefined', 'undefined', 'undefined', described=('Layer_1', 'Layer_2', 'Layer_3')),
        bands('gray', 'undefined', 'undefined', described=('Band 1', 'band 2', '')),
    ],
)
def test_three_bands_that_nothing_is_said_of_are_taken_in_order_with_a_note(raster):
    chosen, note = choose_bands(raster, None)
    assert chosen == (1, 2, 3)
    assert '1, 2 and 3 are taken as red, green and blue' in note


@pytest.mark.parametrize(
    ('raster', 'message'),
    [
        (UNSAID, r'1 gray, 2 undefined, 3 undefined, 4 undefined\): give --bands'),
        (CIR, r'1 gray \(nir\), 2 undefined \(Red\).*give --bands'),
        (bands('gray', 'undefined'), 'give --bands'),
        (bands('cyan', 'magenta', 'yellow', 'black'), 'give --bands'),
        (bands('red', 'red', 'green', 'blue'), 'give --bands'),
        (bands('Y', 'Cb', 'Cr'), 'give --bands'),
        (bands('gray'), 'give --bands 1,1,1'),
        (bands('alpha', 'gray'), 'give --bands 2,2,2'),
        (bands('gray', 'undefined', 'undefined', described=('nir', 'red', 'green')), 'names of the bands are not'),
        (bands('gray', 'undefined', 'undefined', described=('B2', 'B3', 'B4')), 'give --bands'),
        (
            bands('red', 'green', 'blue', described=('NIR', 'red', 'green')),
            'interpreted as red but described',
        ),
        (
            bands('red', 'green', 'blue', described=('blue', 'green', 'red')),
            'interpreted as red but described',
        ),
    ],
)
def test_what_the_raster_does_not_say_for_certain_is_refused(raster, message):
    with pytest.raises(ConfigError, match=message):
        choose_bands(raster, None)


@pytest.mark.parametrize(
    ('raster', 'wanted', 'chosen'),
    [
        (CIR, ('red', 'GREEN', 'Blue'), (2, 3, 4)),
        (CIR, ('nir', 'red', 'green'), (1, 2, 3)),
        (UNSAID, ('3', '2', '1'), (3, 2, 1)),
        (bands('gray'), ('1', '1', '1'), (1, 1, 1)),
        (bands('gray'), ('gray', 'gray', 'gray'), (1, 1, 1)),
        (RGBN, ('NIR', 'r', '2'), (4, 1, 2)),
    ],
)
def test_the_command_line_says_the_bands(raster, wanted, chosen):
    assert choose_bands(raster, wanted) == (chosen, None)


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        (('red', 'green', 'swir'), r'named swir; the bands are 1 red \(R\), .*, 4 undefined \(NIR\)'),
        (('5', '0', '1'), 'named 5 or 0; the bands are'),
        (('undefined', '2', '3'), 'named undefined'),
        (('-1', '2', '3'), 'named -1'),
    ],
)
def test_bands_that_are_missing_are_listed_with_those_there(wanted, message):
    with pytest.raises(ConfigError, match=message):
        choose_bands(RGBN, wanted)


def test_a_description_of_a_colour_counts_more_than_an_interpretation():
    raster = bands('red', 'green', 'blue', described=('NIR', 'Red', 'Green'))
    assert choose_bands(raster, ('nir', 'red', 'green'), names=('a', 'b', 'c')) == ((1, 2, 3), None)
    with pytest.raises(ConfigError, match='no band is named blue'):
        choose_bands(raster, ('red', 'green', 'blue'))


def test_bands_that_a_network_misses_can_be_given_by_number():
    names = ('red', 'green', 'blue', 'nir')
    with pytest.raises(ConfigError, match='give --bands with the number of each, for red,green,blue,nir'):
        choose_bands(UNSAID, None, names=names)
    assert choose_bands(UNSAID, ('1', '2', '3', '4'), names=names) == ((1, 2, 3, 4), None)


def test_two_bands_of_one_name_are_refused():
    raster = bands('red', 'green', 'blue', described=('', '', 'Red'))
    with pytest.raises(ConfigError, match='bands 1 and 3 are both named red'):
        choose_bands(raster, ('red', 'green', 'blue'))


def test_option_is_split_and_stripped():
    assert parse_bands(' red, 2 ,Blue') == ('red', '2', 'Blue')


@pytest.mark.parametrize('text', ['', 'red', '1,2', '1,,3', '1,2,3,4', ',,'])
def test_option_of_another_form_is_refused(text):
    with pytest.raises(ConfigError, match='three names or indices'):
        parse_bands(text)
