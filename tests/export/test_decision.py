import numpy as np
import pytest

from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.export.decision import Threshold, requested_threshold, stored_threshold, threshold_of_head

NAMES = ('background', 'green')


def test_a_number_is_for_class_one_and_argmax_for_none():
    assert requested_threshold('0.42', NAMES) == Threshold(class_index=1, value=0.42)
    assert requested_threshold('argmax', NAMES) is None
    assert requested_threshold('argmax', (*NAMES, 'water')) is None


@pytest.mark.parametrize('text', ['0', '1', '-0.1', 'nan', 'inf', 'half', ''])
def test_a_request_is_between_zero_and_one(text):
    with pytest.raises(ConfigError, match='give a number between 0 and 1, or argmax'):
        requested_threshold(text, NAMES)


def test_a_request_is_for_two_classes():
    with pytest.raises(ConfigError, match='the model tells 3 classes'):
        requested_threshold('0.5', (*NAMES, 'water'))


@pytest.mark.parametrize(('name', 'index', 'foreground'), [('green', 1, 0.25), ('background', 0, 0.75)])
def test_a_checkpoint_names_the_class(name, index, foreground):
    threshold = stored_threshold({'threshold': {'class': name, 'value': 0.25}}, NAMES)
    assert threshold == Threshold(class_index=index, value=0.25)
    assert threshold.of_foreground == foreground
    assert stored_threshold({}, NAMES) is None


@pytest.mark.parametrize(
    ('stored', 'names'),
    [
        ({'class': 'tree', 'value': 0.5}, NAMES),
        ({'class': 'green', 'value': 1.5}, NAMES),
        ({'class': 'green'}, NAMES),
        (0.5, NAMES),
        ({'class': 'green', 'value': 0.5}, (*NAMES, 'water')),
    ],
)
def test_a_checkpoint_that_contradicts_itself_is_refused(stored, names):
    with pytest.raises(CheckpointError, match='give --threshold NUMBER, or --threshold argmax'):
        stored_threshold({'threshold': stored}, names)


def test_a_head_wants_its_threshold_exceeded():
    value = np.float32(threshold_of_head(0.3).value)
    assert value > np.float32(0.3)
    assert np.nextafter(value, np.float32(0)) == np.float32(0.3)
