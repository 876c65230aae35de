"""Training, testing and evaluating as a notebook does: without a command line, for figures and paths."""

import json
import os

import pytest
from mmengine.config import Config
from tests_support import write_green_root
from tool_support import CONFIG, SMALL, heard

from mmseg_aux_hrnet import run
from mmseg_aux_hrnet.errors import ConfigError, DataError, OutputExistsError
from mmseg_aux_hrnet.run.config import parse_options


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Result of a training of a few iterations, and the data."""
    folder = tmp_path_factory.mktemp('notebook')
    write_green_root(folder / 'data')
    small = {**parse_options(SMALL), 'train_cfg.max_iters': 4, 'train_cfg.val_interval': 2}
    options = run.TrainOptions(
        data_root=folder / 'data',
        work_dir=folder / 'work',
        pretrained='none',
        resume='auto',
        seed=0,
        cfg_options=small,
    )
    earlier = folder / 'work' / 'best_IoU.green_iter_999.pth'  # of another run, which the clock says is the newest
    earlier.parent.mkdir()
    earlier.touch()
    os.utime(earlier, (2**32, 2**32))
    result = run.train(CONFIG, options)
    earlier.unlink()
    return result, folder / 'data', small


def test_training_returns_the_best_checkpoint_and_figures(trained):
    result, _, _ = trained
    assert result.checkpoint.parent == result.work_dir
    assert result.checkpoint.name in ('best_IoU.green_iter_2.pth', 'best_IoU.green_iter_4.pth')
    assert {'mIoU', 'OA', 'IoU.green', 'IoU.background'} <= result.figures.keys()
    assert not {'time', 'data_time'} & result.figures.keys()
    assert 0 <= result.figures['OA'] <= 100
    assert [path.name for path in result.pictures] == ['training_curve.png', 'validation_samples.png']


def test_the_log_says_that_there_was_nothing_to_resume(trained):
    result, _, _ = trained
    [log] = result.work_dir.glob('*/*.log')
    assert f'nothing to resume in {result.work_dir}: the training starts from the beginning' in log.read_text(
        encoding='utf-8'
    )


def test_a_training_that_saves_nothing_has_no_checkpoint(trained, tmp_path):
    result, data, small = trained
    given = {**small, 'default_hooks.checkpoint': None, 'train_cfg.max_iters': 5, 'train_cfg.val_interval': 9}
    resumed = run.TrainOptions(data, tmp_path, resume=str(result.work_dir / 'iter_4.pth'), cfg_options=given)
    after = run.train(CONFIG, resumed)
    assert after.checkpoint is None  # nor that of the run which it goes on with


def test_testing_and_evaluating_its_maps_agree(trained, tmp_path):
    result, data, small = trained
    config = Config.fromfile(CONFIG)
    given = config.pretty_text
    options = run.TestOptions(
        data_root=str(data),
        work_dir=tmp_path / 'w',
        out=tmp_path / 'maps',
        report=tmp_path / 'report',
        cfg_options=small,
    )
    tested = run.test(config, result.work_dir, options)
    assert config.pretty_text == given  # a notebook goes on with it
    assert (tested.predictions, tested.report) == (tmp_path / 'maps', tmp_path / 'report')
    assert tested.summary is not None and tested.threshold_curves is None
    compared = run.evaluate(
        tested.predictions, data / 'labeldata' / 'test', run.EvaluateOptions(config=CONFIG, report=tmp_path / 'r')
    )
    assert compared.report == tmp_path / 'r'
    written = json.loads((tmp_path / 'report' / 'metrics.json').read_text(encoding='utf-8'))
    for key in ('mIoU', 'OA', 'IoU.green'):
        assert compared.figures[key] == pytest.approx(tested.figures[key], abs=0.0051)  # the log has two decimals
    assert compared.metrics['confusion_matrix'] == written['confusion_matrix']
    assert len(compared.tables) == 2
    with pytest.raises(OutputExistsError, match='exists and is not empty'):
        run.test(CONFIG, result.work_dir, options)


def test_a_sweep_without_a_report_is_drawn(trained, tmp_path):
    result, data, small = trained
    options = run.TestOptions(
        data_root=data, work_dir=tmp_path, split='val', threshold=0.3, sweep=True, scales=(1.0,), cfg_options=small
    )
    tested = run.test(CONFIG, result.checkpoint, options)
    assert tested.threshold_curves == tmp_path / 'threshold_curves.png'
    assert tested.threshold_curves.is_file()
    assert tested.figures['AP.green'] >= 0
    assert (tested.report, tested.predictions, tested.summary) == (None, None, None)


def test_figures_are_printed_before_a_report_that_cannot_be_written(trained, tmp_path, monkeypatch):
    result, data, _ = trained

    def full_disk(*args, **kwargs):
        raise DataError('the report cannot be written: no space left on device')

    for module in ('testing', 'evaluating'):
        monkeypatch.setattr(f'mmseg_aux_hrnet.run.{module}.write_report', full_disk)
    folders = (
        '--data-root',
        data,
        '--work-dir',
        tmp_path / 'w',
        '--out',
        tmp_path / 'maps',
        '--report',
        tmp_path / 'r',
    )
    tested = heard('test', CONFIG, result.checkpoint, *folders, '--cfg-options', *SMALL)
    labels = data / 'labeldata' / 'test'
    compared = heard('evaluate', tmp_path / 'maps', labels, '--config', CONFIG, '--report', tmp_path / 'r')
    for said in (tested, compared):
        assert said.returncode == 2, said.stderr
        assert 'bootstrap interval' in said.stdout and 'no space left' in said.stderr


def test_options_that_make_no_sense_are_errors_and_no_exits(tmp_path):
    with pytest.raises(DataError, match='data root .* is not a folder'):
        run.train(CONFIG, run.TrainOptions(data_root=tmp_path / 'gone', work_dir=tmp_path / 'w'))
    with pytest.raises(ConfigError, match='threshold 2: give a number'):
        run.test(CONFIG, tmp_path, run.TestOptions(threshold=2))
    with pytest.raises(ConfigError, match='either --config CONFIG or --classes'):
        run.evaluate(tmp_path, tmp_path, run.EvaluateOptions())


def test_labelled_images_without_figures_are_not_said_to_have_no_labels(tmp_path, monkeypatch):
    silent = run.TestResult(tmp_path, True, {}, None, None, None, None)  # of a config whose metrics give nothing
    monkeypatch.setattr(run, 'test', lambda *args, **kwargs: silent)
    said = heard('test', CONFIG, tmp_path)
    assert (said.returncode, said.stderr) == (2, 'error: --eval mIoU: the metric of this config only gives nothing\n')
