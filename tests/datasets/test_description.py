"""dataset.json: what is written is read again, and what is wrong is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.datasets.description import NAME, DataDescription, read_description, write_description
from mmseg_aux_hrnet.errors import DataError

FULL = DataDescription(
    classes=Classes(('background', 'tree', 'roof'), ((0, 0, 0), (0, 158, 115), (213, 94, 0)), 1),
    bands=('red', 'green', 'blue', 'nir'),
    dtype='uint16',
    scale=((0.0, 3000.0),) * 4,
    mean=(100.0, 101.0, 102.5, 90.0),
    std=(40.0, 41.0, 42.0, 43.0),
    label_values={0: None, 1: 0, 2: 1, 3: 2},
    gsd=0.6,
    crs='EPSG:26911',
    layout='urbanisation',
    record={'tiles': {'train': 3}},
)


def changed(root: Path, **entries: Any) -> None:
    said = json.loads((root / NAME).read_text(encoding='utf-8'))
    (root / NAME).write_text(json.dumps({**said, **entries}), encoding='utf-8')


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_description(tmp_path, FULL)
    assert read_description(tmp_path) == FULL
    plain = DataDescription(Classes(('background', 'green'), ((0, 0, 0), (0, 158, 115)), 1))
    write_description(tmp_path, plain)
    assert read_description(tmp_path) == plain


@pytest.mark.parametrize(
    ('entries', 'said'),
    [
        ({'bands': []}, '"bands" is'),
        ({'bands': ['red'] * 4}, 'different names'),
        ({'dtype': 'int8'}, '"dtype" is \'int8\''),
        ({'scale': None}, '"scale" is null'),
        ({'scale': [[0, 1]]}, '4 pairs'),
        ({'scale': [[1, 0]] * 4}, 'low below high'),
        ({'mean': [1, 2]}, '"mean"'),
        ({'std': [1, 2, 3, 0]}, 'positive'),
        ({'label_values': {'0': 3}}, '"label_values"'),
        ({'label_values': {'0': -1}}, '"label_values"'),
        ({'label_values': {'a': 1}}, 'invalid literal'),
        ({'gsd': 0}, '"gsd" is 0'),
        ({'layout': 'tree'}, '"layout"'),
        ({'classes': [{'name': 'a'}]}, '"colour" is missing'),
        ({'class_of_interest': 'sea'}, "'sea'"),
        ({'version': 2}, 'version 1'),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, entries: dict[str, Any], said: str) -> None:
    write_description(tmp_path, FULL)
    changed(tmp_path, **entries)
    with pytest.raises(DataError, match=said) as caught:
        read_description(tmp_path)
    assert NAME in str(caught.value)


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='cannot be read'):
        read_description(tmp_path)
    (tmp_path / NAME).write_text('{', encoding='utf-8')
    with pytest.raises(DataError, match='is not JSON'):
        read_description(tmp_path)
