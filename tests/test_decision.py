import pytest

from mmseg_aux_hrnet.decision import Threshold, parse_option, parse_value, stored_threshold
from mmseg_aux_hrnet.errors import ConfigError


@pytest.mark.parametrize(('text', 'expected'), [(None, None), ('argmax', 'argmax'), ('0.42', 0.42), ('1e-3', 0.001)])
def test_what_the_option_says(text, expected):
    assert parse_option(text) == expected


@pytest.mark.parametrize('text', ['0', '1', '-0.5', '42', 'nan', 'inf', 'half', '', '0,5'])
def test_what_is_no_threshold(text):
    with pytest.raises(ConfigError, match=rf'^--threshold {text}: give a number above 0 and below 1, .*argmax'):
        parse_option(text)


@pytest.mark.parametrize('given', [None, [0.5], True])
def test_values_of_a_file_may_be_anything(given):
    with pytest.raises(ConfigError, match='give a number above 0 and below 1'):
        parse_value(given)


def test_a_stored_threshold():
    assert stored_threshold({}, source='a.pth') is None
    assert stored_threshold({'threshold': {'class': 'green', 'value': 0.42}}, source='a.pth') == Threshold(
        'green', 0.42
    )
