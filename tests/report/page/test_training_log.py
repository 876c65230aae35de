import json

import pytest

from mmseg_aux_hrnet.report.page import read_training_log


def write_start(work_dir, name, rows, *, end=''):
    folder = work_dir / name / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(row) + '\n' for row in rows) + end, encoding='utf-8')


def loss(step, value, **more):
    return {'lr': 0.1, 'loss': value, 'iter': step, 'step': step, **more}


def figures(step, value):
    return {'mIoU': value, 'OA': value + 1, 'IoU.green': value - 1, 'time': 0.1, 'step': step}


def test_loss_and_figures_over_iterations(tmp_path):
    write_start(tmp_path, '20260101_000000', [loss(5, 2.0), loss(10, 1.0), figures(10, 50.0)])
    log = read_training_log(tmp_path, class_of_interest='green')
    assert log.loss == ('loss', [5, 10], [2.0, 1.0])
    assert log.figures == [('IoU.green', [10], [49.0]), ('mIoU', [10], [50.0]), ('OA', [10], [51.0])]
    assert log.note == f'Training log of {tmp_path}'
    names = [curve.name for curve in read_training_log(tmp_path, class_of_interest=None).figures]
    assert names == ['mIoU', 'OA']


def test_a_resumed_start_replaces_what_it_trained_again(tmp_path):
    write_start(tmp_path, '20260101_000000', [loss(5, 5.0), loss(10, 4.0), loss(15, 3.0), figures(15, 10.0)])
    write_start(tmp_path, '20260102_000000', [loss(15, 2.0), loss(20, 1.0), figures(20, 20.0)])
    log = read_training_log(tmp_path, class_of_interest=None)
    assert log.loss == ('loss', [5, 10, 15, 20], [5.0, 4.0, 2.0, 1.0])
    assert log.figures[0] == ('mIoU', [20], [20.0])


def test_validations_that_count_epochs_are_put_at_their_iterations(tmp_path):
    rows = [loss(3, 3.0, epoch=1), figures(1, 30.0), loss(6, 2.0, epoch=2), figures(2, 40.0)]
    write_start(tmp_path, '20260101_000000', rows)
    assert read_training_log(tmp_path, class_of_interest=None).figures[0] == ('mIoU', [3, 6], [30.0, 40.0])


@pytest.mark.parametrize('end', ['{"loss": 1.0, "st', '\x00\x00', '[1]\n{"step": "x"}\n{"loss": NaN, "step": 7}\n'])
def test_damaged_lines_and_numbers_are_left_out(tmp_path, end):
    write_start(tmp_path, '20260101_000000', [loss(5, 2.0)], end=end)
    assert read_training_log(tmp_path, class_of_interest=None).loss == ('loss', [5], [2.0])


def test_a_work_dir_without_logs_says_so(tmp_path):
    log = read_training_log(tmp_path / 'gone', class_of_interest='green')
    assert (log.loss, log.figures) == (None, [])
    assert log.note == f'no training log in {tmp_path / "gone"}'


def test_logs_of_a_test_have_no_curves(tmp_path):
    write_start(tmp_path, '20260101_000000', [{'data_time': 0.1, 'time': 0.2, 'step': 0}])
    assert read_training_log(tmp_path, class_of_interest=None).loss is None
