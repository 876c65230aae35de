import copy
import json
from hashlib import sha256

import pytest
import torch
from page_support import report_of

from mmseg_aux_hrnet.decision import Threshold, stored_threshold
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, DataError
from mmseg_aux_hrnet.exchange.threshold_store import best_of_report, store_threshold
from mmseg_aux_hrnet.weights import Checkpoint, read_checkpoint

SWEEP = ('threshold_sweep',)
KAPPA = (*SWEEP, 'best', 'kappa')
GREEN = Threshold('green', 0.42)
BEST = {'iou': {'threshold': 0.481, 'value': 86.6}, 'f1': {'threshold': 0.481, 'value': 92.8}, 'kappa': None}


def checkpoint(path, *, classes=('background', 'green'), **more):
    meta = {'dataset_meta': {'classes': classes}, 'iter': 7}
    torch.save({'state_dict': {'a': torch.arange(3.0)}, 'meta': meta, 'optimizer': {'lr': 0.1}, **more}, path)
    return Checkpoint(path, hashed=True)


@pytest.fixture(scope='module')
def content():
    whole = report_of(2, sweep=True)[0]
    whole['threshold_sweep']['best'] = BEST
    return whole


@pytest.fixture
def measured(tmp_path, content):
    """A checkpoint and a function that writes the report on it, with changes by place."""
    weights = checkpoint(tmp_path / 'a.pth')

    def report(changes=()):
        changed = copy.deepcopy(content)
        changed['run'] |= {
            'data_list': 'splits/val.txt',
            'checkpoint_sha256': sha256(weights.path.read_bytes()).hexdigest(),
        }
        for (*place, key), value in dict(changes).items():
            part = changed
            for step in place:
                part = part[step]
            part[key] = value
        (tmp_path / 'metrics.json').write_text(json.dumps(changed), encoding='utf-8')
        return tmp_path / 'metrics.json'

    return weights, report


def test_all_else_in_the_checkpoint_stays(tmp_path):
    source, target = checkpoint(tmp_path / 'a.pth'), tmp_path / 'new' / 'b.pth'
    store_threshold(source, target, GREEN, overwrite=False)
    before, after = read_checkpoint(source.path), read_checkpoint(target)
    assert stored_threshold(after['meta'], source=target) == GREEN
    assert after['meta'].pop('threshold') == {'class': 'green', 'value': 0.42}
    assert torch.equal(before.pop('state_dict')['a'], after.pop('state_dict')['a'])
    assert before == after
    assert [path.name for path in target.parent.iterdir()] == ['b.pth']


def test_a_stored_threshold_is_replaced(tmp_path):
    store_threshold(checkpoint(tmp_path / 'a.pth'), tmp_path / 'b.pth', GREEN, overwrite=False)
    store_threshold(Checkpoint(tmp_path / 'b.pth'), tmp_path / 'c.pth', Threshold('background', 0.5), overwrite=False)
    held = read_checkpoint(tmp_path / 'c.pth')['meta']['threshold']
    assert held == {'class': 'background', 'value': 0.5}


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (('background', 'roof'), r'has 2 classes \(background, roof\): a threshold of green'),
        (('background', 'green', 'roof'), 'has 3 classes'),
        ((), 'does not name its classes'),
    ],
)
def test_classes_must_be_two_and_this_one_among_them(tmp_path, classes, message):
    with pytest.raises(CheckpointError, match=message):
        store_threshold(checkpoint(tmp_path / 'a.pth', classes=classes), tmp_path / 'b.pth', GREEN, overwrite=False)
    assert not (tmp_path / 'b.pth').exists()


@pytest.mark.parametrize('meta', [None, {}, {'dataset_meta': None}, 'text'])
def test_a_checkpoint_without_meta(tmp_path, meta):
    with pytest.raises(CheckpointError, match='does not name its classes'):
        store_threshold(checkpoint(tmp_path / 'a.pth', meta=meta), tmp_path / 'b.pth', GREEN, overwrite=False)


@pytest.mark.parametrize(
    ('target', 'error', 'message'),
    [
        ('a.pth', ConfigError, 'is an input file'),
        ('b.pth', ConfigError, 'exists'),
        ('folder.pth', ConfigError, 'is a folder'),
        ('b', CheckpointError, 'does not name a format'),
        ('b.safetensors', CheckpointError, 'has another format'),
    ],
)
def test_nothing_is_overwritten_unasked(tmp_path, target, error, message):
    source = checkpoint(tmp_path / 'a.pth')
    (tmp_path / 'b.pth').write_text('kept')
    (tmp_path / 'folder.pth').mkdir()
    with pytest.raises(error, match=message):
        store_threshold(source, tmp_path / target, GREEN, overwrite=False)
    assert (tmp_path / 'b.pth').read_text() == 'kept'
    store_threshold(source, tmp_path / 'b.pth', GREEN, overwrite=True)
    assert read_checkpoint(tmp_path / 'b.pth')['meta']['threshold']['value'] == 0.42


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(CheckpointError, match=r'b.pth cannot be written \(No space left on device\)'):
        store_threshold(checkpoint(tmp_path / 'a.pth'), tmp_path / 'b.pth', GREEN, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']


@pytest.mark.parametrize('whole_folder', [True, False])
def test_the_best_of_a_report(tmp_path, measured, whole_folder):
    weights, report = measured
    path = report()
    chosen = best_of_report(tmp_path if whole_folder else path, figure='iou', checkpoint=weights)
    assert chosen == (Threshold('green', 0.481), 86.6, 'splits/val.txt')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({('threshold_sweep',): None}, 'holds no sweep of thresholds'),
        ({('format',): 'mmseg_aux_hrnet report 2'}, "has the format 'mmseg_aux_hrnet report 2'"),
        ({(*SWEEP, 'best'): 3}, 'best is 3, not an object'),
        ({(*SWEEP, 'best'): {'iou': None}}, 'best.f1 is missing'),
        ({KAPPA: {'threshold': 1.5, 'value': 3}}, 'threshold 1.5: give a number above 0 and below 1'),
        ({KAPPA: {'threshold': 0.5}}, 'kappa.value is missing'),
        ({KAPPA: {'threshold': 0.5, 'value': 'high'}}, "kappa.value is 'high', not a number"),
        ({KAPPA: 'high'}, "kappa is 'high', not an object"),
        ({}, 'kappa is undefined at every threshold'),
    ],
)
def test_a_report_that_names_no_best(measured, changes, message):
    weights, report = measured
    with pytest.raises(DataError, match=message):
        best_of_report(report(changes), figure='kappa', checkpoint=weights)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'\x80', 'metrics.json is not JSON'),
        (b'[]', 'metrics.json has the format None'),
        (None, 'holds no metrics.json, so it is not a report'),
    ],
)
def test_what_is_no_report(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'metrics.json').write_bytes(content)
    with pytest.raises(DataError, match=message):
        best_of_report(tmp_path, figure='iou', checkpoint=checkpoint(tmp_path / 'a.pth'))


def test_what_is_copied_is_what_was_compared(tmp_path, measured):
    weights, report = measured
    threshold, *_ = best_of_report(report(), figure='iou', checkpoint=weights)
    checkpoint(weights.path, more='another file under this name')
    store_threshold(weights, tmp_path / 'b.pth', threshold, overwrite=False)
    assert 'more' not in read_checkpoint(tmp_path / 'b.pth')


def test_the_report_of_another_model_is_refused(tmp_path, measured):
    weights, report = measured
    path, other = report(), checkpoint(tmp_path / 'b.pth', more=1)
    best_of_report(path, figure='f1', checkpoint=weights)
    with pytest.raises(CheckpointError, match='b.pth is not the checkpoint of the report'):
        best_of_report(path, figure='f1', checkpoint=other)
    with pytest.raises(CheckpointError, match='c.pth is not a file'):
        best_of_report(path, figure='f1', checkpoint=Checkpoint(tmp_path / 'c.pth', hashed=True))
    best_of_report(report({('run', 'checkpoint_sha256'): None}), figure='f1', checkpoint=other)
