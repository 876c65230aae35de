import pytest

from mmseg_aux_hrnet import errors


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('a.png is broken', 'a.png is broken'),
        ('two\nlines', 'two lines'),
        (
            'Caught LabelError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
            '  File "x.py"\nmmseg_aux_hrnet.errors.LabelError: a.png: value 7 is not a class\n',
            'a.png: value 7 is not a class',
        ),
    ],
)
def test_one_line(text, expected):
    assert errors.one_line(errors.LabelError(text)) == expected


@pytest.mark.parametrize(
    ('error', 'builtin'),
    [
        ('ConfigError', ValueError),
        ('LabelError', ValueError),
        ('CheckpointError', RuntimeError),
        ('StackError', ImportError),
    ],
)
def test_errors_share_a_root_and_are_builtins(error, builtin):
    assert issubclass(getattr(errors, error), errors.AuxHRNetError)
    assert issubclass(getattr(errors, error), builtin)


def test_counts_go_with_their_nouns():
    assert [errors.counted(count, 'tile') for count in (0, 1, 2, 1200)] == [
        '0 tiles',
        '1 tile',
        '2 tiles',
        '1,200 tiles',
    ]
    assert [errors.counted(2, noun) for noun in ('class', 'box', 'patch', 'geometry', 'day', 'other pair')] == [
        '2 classes', '2 boxes', '2 patches', '2 geometries', '2 days', '2 other pairs',
    ]  # fmt: skip
    assert errors.counted(1, 'class') == '1 class'
