"""The files of a report: what is in them, and that nothing else is ever touched."""

import csv
import json
import math
import os

import pytest

from mmseg_aux_hrnet.errors import ConfigError, DataError, OutputExistsError
from mmseg_aux_hrnet.report.folder import check_report_folder, report_folder, without_nan, write_figures

RATES = {'precision': 1.5, 'recall': 2.5, 'iou': 3.5, 'f1': 4.5}
METRICS = {
    'format': 'mmseg_aux_hrnet report 1',
    'classes': [{'name': 'Straße, "alt"', 'iou': math.nan}, {'name': '=green', 'iou': 50.0}],
    'confusion_matrix': [[4, 1], [2, 3]],
    'threshold_sweep': None,
    'images': [
        {
            'name': 'a', 'image': 'x/a.png', 'label': None, 'pixels': 10, 'oa': 70.0, 'miou': math.nan,
            **{key: {'Straße, "alt"': math.nan, '=green': value} for key, value in RATES.items()},
        }
    ],
}  # fmt: skip


def write(path, overwrite=False):
    with report_folder(path, overwrite=overwrite) as folder:
        write_figures(folder, METRICS)
    return path


def rows(path):
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.reader(file))


def test_json_is_strict_and_whole(tmp_path):
    text = (write(tmp_path / 'r') / 'metrics.json').read_text(encoding='utf-8')
    content = json.loads(text, parse_constant=lambda constant: pytest.fail(constant))
    assert content == without_nan(METRICS)
    assert content['classes'][0] == {'name': 'Straße, "alt"', 'iou': None}


def test_tables_have_a_header_points_and_empty_cells(tmp_path):
    folder = write(tmp_path / 'r')
    header, row = rows(folder / 'per_image.csv')
    assert header[:7] == ['name', 'image', 'label', 'pixels', 'OA', 'mIoU', 'Precision.Straße, "alt"']
    assert header[-4:] == ['Precision.=green', 'Recall.=green', 'IoU.=green', 'F1.=green']
    assert row == ['a', 'x/a.png', '', '10', '70.0', '', '', '', '', '', '1.5', '2.5', '3.5', '4.5']
    assert rows(folder / 'confusion_matrix.csv') == [
        ['reference \\ prediction', 'Straße, "alt"', '=green'],
        ['Straße, "alt"', '4', '1'],
        ['=green', '2', '3'],
    ]


def test_files(tmp_path):
    folder = write(tmp_path / 'deep' / 'r')
    names = {'metrics.json', 'per_image.csv', 'confusion_matrix.csv', 'confusion_matrix.png'}
    assert {path.name for path in folder.iterdir()} == names
    assert [path.name for path in (tmp_path / 'deep').iterdir()] == ['r']
    assert folder.stat().st_mode & 0o777 == (tmp_path / 'deep').stat().st_mode & 0o777


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / 'r').mkdir()
    assert (write(tmp_path / 'r') / 'metrics.json').is_file()


def test_overwrite_replaces_a_report_as_a_whole(tmp_path):
    folder = write(tmp_path / 'r')
    (folder / 'of_the_old_one.png').touch()
    write(folder, overwrite=True)
    assert not (folder / 'of_the_old_one.png').exists()
    assert [path.name for path in tmp_path.iterdir()] == ['r']


def test_a_report_is_not_replaced_unasked(tmp_path):
    folder = write(tmp_path / 'r')
    message = r'r exists and is not empty: choose another --report, or add --overwrite'
    with pytest.raises(OutputExistsError, match=message):
        write(folder)


@pytest.mark.parametrize('content', ['', '{}', '[]', '{"format": "another 1"}', 'x', '\xff'])
def test_overwrite_leaves_what_is_no_report(tmp_path, content):
    (tmp_path / 'r').mkdir()
    (tmp_path / 'r' / 'metrics.json').write_bytes(content.encode('latin-1'))
    with pytest.raises(
        DataError, match=r'--overwrite does not replace .*r, because it holds no readable report .*: choose another'
    ):
        check_report_folder(tmp_path / 'r', overwrite=True)


def test_overwrite_leaves_a_report_of_a_newer_version_and_says_so(tmp_path):
    (tmp_path / 'r').mkdir()
    (tmp_path / 'r' / 'metrics.json').write_text(json.dumps({'format': METRICS['format'], 'version': 99}))
    with pytest.raises(DataError, match=r'--overwrite does not replace .*has version 99, .*update mmseg_aux_hrnet'):
        check_report_folder(tmp_path / 'r', overwrite=True)


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / 'r').touch()
    with pytest.raises(ConfigError, match='r is a file'):
        check_report_folder(tmp_path / 'r', overwrite=True)


def test_a_failure_leaves_nothing_and_the_old_report(tmp_path):
    folder = write(tmp_path / 'r')
    before = (folder / 'metrics.json').read_bytes()
    with pytest.raises(ZeroDivisionError), report_folder(folder, overwrite=True) as part:
        (part / 'half.txt').touch()
        1 / 0  # noqa: B018
    assert [path.name for path in tmp_path.iterdir()] == ['r']
    assert (folder / 'metrics.json').read_bytes() == before


@pytest.mark.skipif(os.name == 'nt', reason='Windows keeps no such bits')
def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match=r'report folder .*file.r cannot be written'):
        write(tmp_path / 'file' / 'r')


def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match=r'report folder .*r cannot be written .*: choose another --report'):
        check_report_folder(tmp_path / 'file' / 'deep' / 'r', overwrite=False)
    check_report_folder(tmp_path / 'deep' / 'r', overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ['file']


def test_nan_goes_wherever_it_is():
    nested = {'a': [math.nan, (1.0, math.inf)], 'b': {'c': -math.inf, 'd': 'nan', 'e': None, 'f': True}}
    assert without_nan(nested) == {'a': [None, [1.0, None]], 'b': {'c': None, 'd': 'nan', 'e': None, 'f': True}}
