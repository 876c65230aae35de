"""Reading ``metrics.json`` back: its version, and in one line what is missing or wrong."""

import copy
import json

import pytest
from page_support import report_of
from report_support import write_report

from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.report.metrics_file import Report, read_report

PARTS = sorted(Report.__annotations__.keys() - {'version'})


@pytest.fixture(scope='module')
def whole():
    return report_of(2, sweep=True)[0]


def test_all_parts_of_a_report_are_of_their_types(tmp_path, whole):
    assert read_report(write_report(tmp_path / 'r', whole), parts=PARTS) == whole


def test_a_report_of_before_versions_is_read_as_version_1_is(tmp_path, whole):
    assert 'version' not in whole
    numbered = whole | {'version': 1}
    assert read_report(write_report(tmp_path / 'new', numbered), parts=PARTS) == numbered


@pytest.mark.parametrize('version', [2, '1', None])
def test_another_version_is_refused(tmp_path, whole, version):
    with pytest.raises(DataError, match=f'has version {version!r}, and up to 1 is read here: update mmseg_aux_hrnet'):
        read_report(write_report(tmp_path / 'r', whole | {'version': version}))


def test_parts_that_nobody_asks_for_may_be_anything(tmp_path, whole):
    folder = write_report(tmp_path / 'r', {'format': whole['format'], 'classes': whole['classes'], 'images': 5})
    assert read_report(folder, parts=('classes',))['images'] == 5


@pytest.mark.parametrize(
    ('place', 'value', 'fault'),
    [
        (('run',), None, 'run is None, not an object'),
        (('run', 'threshold'), 0.4, 'run.threshold is 0.4, not an object'),
        (('run', 'threshold'), {'class': 'green', 'value': 'high'}, "run.threshold.value is 'high', not a number"),
        (('run', 'images'), True, 'run.images is True, not a whole number'),
        (('run', 'versions'), {'torch': 2}, 'run.versions.torch is 2, not a text'),
        (('overall',), {'oa': 1.0}, 'overall.miou is missing'),
        (('overall', 'oa'), 'abc', "overall.oa is 'abc', not a number"),
        (('threshold_sweep', 'best', 'f1'), {'threshold': 0.5}, 'threshold_sweep.best.f1.value is missing'),
        (('images', 1, 'iou', 'green'), 'good', "images[1].iou.green is 'good', not a number"),
        (('images', 0, 'counts'), 7, 'images[0].counts is 7, not a list'),
        (('classes', 0), {'name': 'a'}, 'classes[0].color is missing'),
        (('threshold_sweep', 'best', 'iou'), 3, 'threshold_sweep.best.iou is 3, not an object'),
        (('rules',), ['x' * 99, 5], 'rules[1] is 5, not a text'),
    ],
)
def test_the_first_fault_is_named(tmp_path, whole, place, value, fault):
    changed = copy.deepcopy(whole)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    path = write_report(tmp_path / 'r', changed) / 'metrics.json'
    with pytest.raises(DataError) as raised:
        read_report(path, parts=(place[0],))
    assert str(raised.value) == f'{path} is damaged or was edited ({fault}): write the report again'


def test_undefined_figures_and_unknown_keys_are_no_faults(tmp_path, whole):
    changed = copy.deepcopy(whole)
    changed['classes'][0]['iou'] = changed['run']['checkpoint'] = None
    changed['classes'][0]['of_a_later_version'] = [1]
    assert json.loads(json.dumps(read_report(write_report(tmp_path / 'r', changed), parts=PARTS))) == changed
