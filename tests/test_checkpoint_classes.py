import numpy as np
import pytest
import torch

from mmseg_aux_hrnet.classes import Classes, classes_in, plain, settle
from mmseg_aux_hrnet.errors import CheckpointError

GREEN = Classes(('background', 'green'), [[0, 0, 0], [128, 0, 0]], {})
WALD = GREEN._replace(names=('Rest', 'Wald'))


@pytest.mark.parametrize(
    ('described', 'classes'),
    [
        ({'CLASSES': ['background', 'green'], 'PALETTE': np.array(GREEN.palette), 'mmseg_version': '0.18.0'}, GREEN),
        ({'classes': GREEN.names, 'palette': GREEN.palette, 'x': np.int64(3)}, GREEN._replace(extras={'x': 3})),
        ({'CLASSES': ('background', 'green'), 'PALETTE': None}, GREEN._replace(palette=None)),
        ({'classes': GREEN.names, 'palette': [0, 1]}, GREEN._replace(palette=None)),
        ({'classes': GREEN.names, 'palette': [[0, 0, 0], [0, 0, 256]]}, GREEN._replace(palette=None)),
        ({'classes': GREEN.names, 'palette': 'red'}, GREEN._replace(palette=None)),
        ({'CLASSES': None}, None),
        ('text', None),
        ({'epoch': 3}, None),
    ],
)
def test_classes_of_either_version_are_read(described, classes):
    assert classes_in(described) == classes


@pytest.mark.parametrize(
    ('file', 'config', 'choice', 'names', 'whose'),
    [
        (None, GREEN, None, GREEN.names, 'of the config'),
        (GREEN, None, None, GREEN.names, 'of the file'),
        (GREEN, GREEN, None, GREEN.names, 'of file and config'),
        (WALD, GREEN, 'file', WALD.names, 'of the file'),
        (WALD, GREEN, 'config', GREEN.names, 'of the config'),
        (GREEN._replace(palette=None), GREEN, None, GREEN.names, 'of file and config'),
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
        (GREEN, GREEN._replace(palette=[[0, 0, 0], [0, 255, 0]]), '--classes'),
        (None, None, 'neither the file nor the data set of the config names the classes.*metainfo'),
        (GREEN._replace(palette=None), None, 'each class needs a colour'),
        (None, GREEN._replace(palette=[[0, 0, 0]]), 'each class needs a colour'),
    ],
)
def test_nothing_is_guessed(file, config, message):
    with pytest.raises(CheckpointError, match=message):
        settle(file, config, choice=None)


def test_values_that_hold_themselves_come_to_an_end():
    value = {}
    value['again'] = [value]
    assert "'again'" in str(plain(value))


def test_plain_values_need_no_allow_list():
    value = {'a': np.float32(0.5), 1: (np.arange(2), [True, None]), 'b': torch.ones(1), 'c': object}
    assert plain(value) == {'a': 0.5, '1': ([0, 1], [True, None]), 'b': [1.0], 'c': "<class 'object'>"}
