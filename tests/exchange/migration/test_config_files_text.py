import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from property_support import examples

from mmseg_aux_hrnet.exchange.migration.config_files import WIDTH, config_text

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9**30), st.floats(allow_nan=False), st.text(max_size=8), st.just('C:\\x')
)
names = st.sampled_from(['a', 'type', 'class', 'lambda', 'with space', 'dict', ''])
values = st.recursive(
    scalars,
    lambda part: st.one_of(
        st.lists(part, max_size=4), st.tuples(part), st.tuples(part, part), st.dictionaries(names, part, max_size=4)
    ),
    max_leaves=30,
)


def evaluated(text):
    variables = {}
    exec(text, variables)
    variables.pop('__builtins__')
    return variables


@examples(150)
@given(st.dictionaries(st.sampled_from(['one', 'two', 'three']), values))
def test_the_text_holds_what_was_meant(config):
    assert repr(evaluated(config_text(config, comments=['a # comment', '- note \\ "']))) == repr(config)


def test_a_variable_is_written_once_and_named_elsewhere():
    steps = [dict(type='Load'), dict(type='Pack')]
    text = config_text({'steps': steps, 'loader': dict(pipeline=steps, other=list(steps))}, comments=[])
    assert text.splitlines() == [
        "steps = [dict(type='Load'), dict(type='Pack')]",
        "loader = dict(pipeline=steps, other=[dict(type='Load'), dict(type='Pack')])",
    ]


def test_lines_end_before_the_width_where_a_break_can_help():
    config = {'model': dict(head=dict(inner=[dict(type='X' * 20, number=i) for i in range(30)]))}
    text = config_text(config, comments=['word ' * 100, '- ' + 'word ' * 100])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert evaluated(text) == config
    assert [line[:4] for line in text.splitlines() if line.startswith('#')][-2:] == ['#   ', '#   ']


@pytest.mark.parametrize('value', [math.inf, -math.inf])
def test_infinite_numbers(tmp_path, value):
    (tmp_path / 'c.py').write_text(config_text({'a': [value]}, comments=[]))
    assert Config.fromfile(tmp_path / 'c.py').a == [value]
