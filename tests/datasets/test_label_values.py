"""One reader of VALUE=CLASS lists, for every tool that has them."""

import numpy as np
import pytest
from PIL import Image
from tool_support import heard

from mmseg_aux_hrnet.datasets.label_values import parse_label_values, parse_pairs
from mmseg_aux_hrnet.errors import ConfigError

NAMES = ('background', 'green')


def test_classes_are_named_by_index_and_where_they_are_known_by_name():
    assert parse_label_values('0=ignore, 1=0,4=1') == {0: 'ignore', 1: 0, 4: 1}
    assert parse_label_values('0=ignore,1=background, 07=green,-1=1', NAMES) == {0: 'ignore', 1: 0, 7: 1, -1: 1}
    assert parse_label_values('3=green,*=ignore', NAMES, rest=True) == {3: 1, '*': 'ignore'}


@pytest.mark.parametrize('text', ['0=a', 'a=0', '0=0,00=1', '*=0'])
def test_without_names_only_numbers_are_classes(text):
    with pytest.raises(ConfigError, match='give each value once, with the index of a class or ignore, such as 0=ig'):
        parse_label_values(text)


@pytest.mark.parametrize('text', ['0=roof', '0=2', '0=-1', 'x=green'])
def test_what_is_no_class_is_refused_with_those_that_are(text):
    with pytest.raises(ConfigError, match='one of background, green, its index or ignore, such as 0=ignore,1=back'):
        parse_label_values(text, NAMES)


@pytest.mark.parametrize('text', ['', '0', '0=', '=1', '0=0,0=1'])
def test_pairs_are_whole_and_each_name_is_there_once(text):
    for read in (lambda: parse_label_values(text), lambda: parse_pairs(text, option='--label-values')):
        with pytest.raises(ConfigError, match='not NAME=VALUE, each name once'):
            read()


def test_evaluate_takes_names_as_make_tiles_does(tmp_path):
    for folder, value in (('made', 1), ('labels', 7)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.array([[0, value]], np.uint8)).save(tmp_path / folder / 'a.png')
    line = ('evaluate', tmp_path / 'made', tmp_path / 'labels', '--classes', ','.join(NAMES), '--label-values')
    assert heard(*line, '0=background,7=green').returncode == 0
    assert '--label-values 7=grass: give each value once' in heard(*line, '0=background,7=grass').stderr
