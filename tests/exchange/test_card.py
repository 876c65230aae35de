import pytest

from mmseg_aux_hrnet.exchange.card import literals


def test_written_out_values_are_read():
    text = "a = 1\nb = dict(c=[-1.5, (2, 'x')], d=None)\ne = {'f': dict()}\nf = a\n"
    assert literals(text) == {'a': 1, 'b': {'c': [-1.5, (2, 'x')], 'd': None}, 'e': {'f': {}}}


def test_keys_that_are_no_names_are_read():
    assert literals("a = dict(b=dict({0: 'ignore', 1: 0}))\nc = open({})\n") == {'a': {'b': {0: 'ignore', 1: 0}}}


@pytest.mark.parametrize(
    'text',
    [
        "a = __import__('os').mkdir('made')",
        "a = dict(b=open('made', 'w'))",
        "import os\nos.mkdir('made')",
        "a = [1 for _ in [open('made', 'w')]]",
        'a = f\'{open("made", "w")}\'',
        'a = dict(([1, 2],))',
        'a = (',
        'a = ' + '(' * 5000,
        'a = \0',
    ],
)
def test_nothing_is_run(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    assert literals(text) == {}
    assert not list(tmp_path.iterdir())
