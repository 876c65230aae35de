"""The tables and the JSON of an estimate, by hand."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from mmseg_aux_hrnet.sampling.area_estimate import estimate_areas
from mmseg_aux_hrnet.sampling.area_report import area_json, area_tables


def estimate(counts, mapped, names=('background', 'green')):
    return estimate_areas(np.array(counts), mapped=np.array(mapped, dtype=float), names=names)


def printed(result, unit='ha'):
    console = Console(file=io.StringIO(), width=80)
    console.print(*area_tables(*result, unit=unit))
    return console.file.getvalue()


def test_tables_of_a_simple_random_sample():
    """20 of 100 points are green in 500 ha: 100 ha with a standard error of 500 sqrt(0.16 / 99) = 20.1 ha."""
    text = printed(estimate([[80, 20], [0, 0]], [500, 0]))
    assert text.split('green')[1].split('\n')[0].split() == ['0', '0.0', '100.0', '20.1', '60.6', 'to', '139.4']
    assert 'overall accuracy 80.0 ± 7.9' in text
    assert 'mapped, ha' in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ('counts', 'mapped', 'note'),
    [
        ([[49, 1], [1, 48]], [70, 30], 'fewer than 50 points'),
        ([[60, 0], [0, 60]], [70, 30], 'standard error 0'),
        ([[60, 1], [0, 0]], [70, 0], 'begins below 0'),
    ],
)
def test_notes_warn(counts, mapped, note):
    assert note in ' '.join(printed(estimate(counts, mapped)).split())
    assert note not in ' '.join(printed(estimate([[60, 5], [5, 60]], [70, 30])).split())


def test_names_with_brackets_are_printed_as_they_are():
    assert '[red]' in printed(estimate([[60, 5], [5, 60]], [70, 30], names=('[red]', 'green')))


def test_json_is_strict_and_null_where_undefined():
    result = area_json(*estimate([[80, 20], [0, 0]], [500, 0]), unit='ha')
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    green = result['classes'][1]
    assert green['users_accuracy'] == {'value': None, 'standard_error': None, 'interval': None}
    assert green['area']['value'] == pytest.approx(100)
    assert (result['unit'], result['points'], result['format']) == ('ha', 100, 'mmseg_aux_hrnet area estimate 1')
