"""Reports as they are read, and each way in which one can be wrong."""

import copy

import numpy as np
import pytest
from report_support import class_row, image_counts, metrics_of, write_report

from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.report.comparison.report_folder import read_run


def test_report_is_read_in_the_order_of_the_names(tmp_path):
    counts = image_counts(12, quality=0.8, seed=1)
    run = read_run(
        write_report(tmp_path / 'r', metrics_of(counts, config='aux', threshold={'class': 'green', 'value': 0.4}))
    )
    assert run.images[:4] == ('tile_0', 'tile_1', 'tile_10', 'tile_11')
    assert np.array_equal(run.counts[2], counts[10])
    assert run.counts.dtype == np.int64
    assert (run.config, run.threshold, run.classes, run.class_of_interest) == (
        'configs/aux.py',
        Threshold('green', 0.4),
        ('background', 'green'),
        'green',
    )


def test_report_of_predictions_without_a_checkpoint(tmp_path):
    metrics = metrics_of(image_counts(3, quality=0.8, seed=1))
    metrics['run'] |= {'config': None, 'checkpoint': None, 'checkpoint_sha256': None}
    run = read_run(write_report(tmp_path / 'r', metrics))
    assert (run.config, run.checkpoint, run.checkpoint_sha256) == ('', '', '')


def test_folder_without_a_report(tmp_path):
    with pytest.raises(DataError, match='holds no metrics.json, so it is not a report: tools/test.py and'):
        read_run(tmp_path)
    with pytest.raises(DataError, match='gone is not a folder'):
        read_run(tmp_path / 'gone')


@pytest.mark.parametrize('text', ['', '{', '[' * 100_000, '\u0000'])
def test_file_that_is_no_json(tmp_path, text):
    (tmp_path / 'metrics.json').write_text(text, encoding='utf-8')
    with pytest.raises(DataError, match='is not JSON'):
        read_run(tmp_path)


@pytest.mark.parametrize('found', ['mmseg_aux_hrnet report 2', None, 1])
def test_other_format(tmp_path, found):
    metrics = metrics_of(image_counts(3, quality=0.8, seed=1)) | {'format': found}
    with pytest.raises(DataError, match=f'has the format {found!r}'):
        read_run(write_report(tmp_path / 'r', metrics))


@pytest.mark.parametrize('content', [[], 1, None, 'text'])
def test_json_that_is_no_report(tmp_path, content):
    with pytest.raises(DataError, match='has the format None'):
        read_run(write_report(tmp_path / 'r', content))


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (('images', 1, 'counts', 0, 0), -1, 'for 2 classes'),
        (('images', 1, 'counts', 0, 0), 1.5, r'images\[1\]\.counts\[0\]\[0\] is 1\.5, not a whole number'),
        (('images', 1, 'counts', 0, 0), None, r'images\[1\]\.counts\[0\]\[0\] is None, not a whole number'),
        (('images', 1, 'counts', 0, 0), 2**70, 'for 2 classes'),
        (('images', 1, 'counts', 0), [1], 'damaged or was edited'),
        (('images', 1, 'counts', 0, 0), 0, 'is not the sum'),
        (('images', 1, 'name'), 'tile_0', '2 different images .* of 3'),
        (('images', 1, 'name'), 5, r'images\[1\]\.name is 5, not a text'),
        (('images',), [], '0 different images'),
        (('images',), {'a': 1}, 'damaged or was edited'),
        (('confusion_matrix',), [[1, 2], [3, 4]], 'is not the sum'),
        (('classes',), [{'name': 'green'}], r'classes\[0\]\.color is missing'),
        (('classes',), [class_row('green')], 'for 1 class'),
        (('class_of_interest',), 'tree', "'tree' is not a class"),
        (('run', 'threshold'), 0.4, 'damaged or was edited'),
        (('run', 'threshold'), {'class': 'green', 'value': 'high'}, 'damaged or was edited'),
        (('run', 'threshold'), {'class': 'green', 'value': 10**400}, 'damaged or was edited'),
        (('run',), None, 'damaged or was edited'),
    ],
)
def test_damaged_report(tmp_path, place, value, message):
    metrics = copy.deepcopy(metrics_of(image_counts(3, quality=0.8, seed=1)))
    holder = metrics
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    with pytest.raises(DataError, match=message):
        read_run(write_report(tmp_path / 'r', metrics))


@pytest.mark.parametrize('key', ['run', 'classes', 'images', 'confusion_matrix', 'class_of_interest'])
def test_report_without_a_part(tmp_path, key):
    metrics = metrics_of(image_counts(3, quality=0.8, seed=1))
    del metrics[key]
    with pytest.raises(DataError, match=rf'damaged or was edited \({key} is missing\)'):
        read_run(write_report(tmp_path / 'r', metrics))
