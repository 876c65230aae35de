import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmseg_aux_hrnet.classes import Classes, classes_in, plain, settle
from mmseg_aux_hrnet.errors import CheckpointError

GREEN = Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)
WALD = replace(GREEN, names=('Rest', 'Wald'))


@pytest.mark.parametrize(
    ('described', 'classes'),
    [
        ({'CLASSES': ['background', 'green'], 'PALETTE': np.array(GREEN.palette), 'mmseg_version': '0.18.0'}, GREEN),
        ({'classes': GREEN.names, 'palette': GREEN.palette, 'x': np.int64(3)}, replace(GREEN, extras={'x': 3})),
        ({'CLASSES': ('background', 'green'), 'PALETTE': None}, replace(GREEN, palette=None)),
        ({'classes': GREEN.names, 'palette': [0, 1]}, replace(GREEN, palette=None)),
        ({'classes': GREEN.names, 'palette': [[0, 0, 0], [0, 0, 256]]}, replace(GREEN, palette=None)),
        ({'classes': GREEN.names, 'palette': [[0, 0, 0]]}, replace(GREEN, palette=None)),
        ({'classes': GREEN.names, 'palette': 'red'}, replace(GREEN, palette=None)),
        ({'CLASSES': None}, None),
        ('text', None),
        ({'epoch': 3}, None),
    ],
)
def test_classes_of_either_version_are_read(described, classes):
    found = classes_in(described)
    assert found == classes
    assert found is None or found.extras == classes.extras  # by which equal classes may differ


def test_what_else_a_data_set_says_goes_on():
    described = {'classes': ('green', 'other'), 'palette': GREEN.palette, 'class_of_interest': 'green', 'gsd': 0.5}
    classes = classes_in(described)
    assert (classes.of_interest, classes.extras) == (0, {'class_of_interest': 'green', 'gsd': 0.5})
    assert classes.meta() == {**described, 'palette': [[0, 0, 0], [128, 0, 0]]}
    assert classes_in({'CLASSES': GREEN.names, 'epoch': 3}).extras == {}


@pytest.mark.parametrize(
    ('file', 'config', 'choice', 'names', 'whose'),
    [
        (None, GREEN, None, GREEN.names, 'of the config'),
        (GREEN, None, None, GREEN.names, 'of the file'),
        (GREEN, GREEN, None, GREEN.names, 'of file and config'),
        (WALD, GREEN, 'file', WALD.names, 'of the file'),
        (WALD, GREEN, 'config', GREEN.names, 'of the config'),
        (replace(GREEN, palette=None), GREEN, None, GREEN.names, 'of file and config'),
        (None, GREEN, 'file', GREEN.names, 'of the config'),
    ],
)
def test_whose_word_counts(file, config, choice, names, whose):
    classes, said = settle(file, config, choice=choice)
    assert (classes.names, classes.palette, said) == (names, GREEN.palette, whose)


@pytest.mark.parametrize(
    ('file', 'config', 'message'),
    [
        (WALD, GREEN, r'the file names Rest, Wald .*the config background, green .*--classes file or --classes config'),
        (GREEN, replace(GREEN, palette=((0, 0, 0), (0, 255, 0))), '--classes'),
        (None, None, 'neither the file nor the data set of the config names the classes.*metainfo'),
        (replace(GREEN, palette=None), None, 'each class needs a colour'),
        (None, replace(GREEN, palette=None), 'each class needs a colour'),
    ],
)
def test_nothing_is_guessed(file, config, message):
    with pytest.raises(CheckpointError, match=message):
        settle(file, config, choice=None)


@pytest.mark.parametrize('palette', [[[0, 0, 0]], [[0, 0, 0], [0, 0, 256]], [[0, 0], [1, 1]], 'red'])
def test_wrong_colours_of_a_file_are_not_replaced_in_silence(palette):
    file = classes_in({'classes': GREEN.names, 'palette': palette})
    with pytest.raises(
        CheckpointError, match=rf'green \(palette {re.escape(str(palette))}\), the config .*--classes file'
    ):
        settle(file, GREEN, choice=None)
    with pytest.raises(CheckpointError, match='each class needs a colour'):
        settle(file, GREEN, choice='file')
    assert settle(file, GREEN, choice='config') == (GREEN, 'of the config')
    unsaid = classes_in({'classes': GREEN.names, 'palette': []})
    assert settle(unsaid, GREEN, choice=None) == (GREEN, 'of file and config')


def test_values_that_hold_themselves_come_to_an_end():
    value = {}
    value['again'] = [value]
    assert "'again'" in str(plain(value))


def test_plain_values_need_no_allow_list():
    value = {'a': np.float32(0.5), 1: (np.arange(2), [True, None]), 'b': torch.ones(1), 'c': object}
    assert plain(value) == {'a': 0.5, '1': ([0, 1], [True, None]), 'b': [1.0], 'c': "<class 'object'>"}
