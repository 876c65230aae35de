"""What --track records, read from the files that each tracker leaves: no server and no service."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import HOOKS
from tiny_run import quick_start, run  # noqa: F401

from mmseg_aux_hrnet.engine.hooks import ContactSheetHook
from mmseg_aux_hrnet.engine.trackers import MLFLOW_ALLOWED, TRACKERS
from mmseg_aux_hrnet.errors import ConfigError, TrainingInterrupted
from mmseg_aux_hrnet.run import training_config


@HOOKS.register_module()
class GreySheet(ContactSheetHook):
    """A sheet without images to draw it of."""

    def before_val_epoch(self, runner):
        self.sheet = np.full((6, 9, 3), 7, np.uint8)

    def after_val_iter(self, *args, **kwargs):
        """Look at nothing."""

    def after_val_epoch(self, runner, metrics=None):
        """Draw nothing."""


@pytest.fixture
def no_server(monkeypatch):
    for name in ('MLFLOW_TRACKING_URI', 'MLFLOW_RUN_ID', 'WANDB_MODE', 'WANDB_DIR', 'WANDB_RUN_ID', 'WANDB_PROJECT'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MLFLOW_ALLOW_FILE_STORE', 'true')
    monkeypatch.setenv('WANDB_SILENT', 'true')
    monkeypatch.setattr(Config, 'pretty_text', 'text = 1')


def tracked(work_dir, name, **settings):
    """Train with a tracker; the work dir's name is that of the run."""
    config = Config(dict(work_dir=str(work_dir)))
    training_config.set_trackers(config, name)
    visualizer = dict(config.visualizer.to_dict(), name=f'{name}_{work_dir.name}')
    hooks = [*(hook.to_dict() for hook in config.custom_hooks), dict(type='GreySheet')]
    return run(work_dir, epochs=True, visualizer=visualizer, custom=hooks, **settings)


@pytest.mark.slow  # imports mlflow
def test_mlflow_keeps_parameters_figures_pictures_and_the_best_checkpoint(tmp_path, no_server):
    mlflow = pytest.importorskip('mlflow')
    tracked(tmp_path / 'first', 'mlflow')
    client = mlflow.MlflowClient(f'file://{tmp_path / "mlruns"}')
    [experiment] = [found for found in client.search_experiments() if found.name == 'mmseg-aux-hrnet']
    [record] = client.search_runs([experiment.experiment_id])
    assert (record.info.run_name, record.info.status) == ('first', 'FINISHED')
    assert record.data.params['optim_wrapper.optimizer.lr'] == '0.05'
    assert {'loss', 'score'} <= set(record.data.metrics)
    assert [figure.step for figure in client.get_metric_history(record.info.run_id, 'score')] == [1, 2, 3, 4]
    assert record.data.tags['best_checkpoint'] == next((tmp_path / 'first').glob('best_score_*')).name
    pictures = [file.path for file in client.list_artifacts(record.info.run_id, 'validation_samples')]
    assert pictures == [f'validation_samples/{step:07d}.png' for step in (3, 6, 9, 12)]


@pytest.mark.slow  # imports mlflow
def test_mlflow_marks_a_run_that_was_stopped(tmp_path, no_server):
    mlflow = pytest.importorskip('mlflow')
    with pytest.raises(TrainingInterrupted):
        tracked(tmp_path / 'stopped', 'mlflow', end=(5, 'SIGTERM'))
    client = mlflow.MlflowClient(f'file://{tmp_path / "mlruns"}')
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    assert [found.info.status for found in client.search_runs(everywhere)] == ['FAILED']


@pytest.mark.slow  # starts the process of wandb
def test_wandb_keeps_a_run_offline(tmp_path, no_server, monkeypatch):
    wandb = pytest.importorskip('wandb')
    (tmp_path / 'private.py').write_text('secret = 1')
    monkeypatch.chdir(tmp_path)
    seen, finish = {}, wandb.sdk.wandb_run.Run.finish

    def read_before_the_end(self, *args, **kwargs):
        seen.update(mode=self.settings.mode, name=self.name, lr=self.config['optim_wrapper']['optimizer']['lr'])
        seen.update(best=self.summary['best_checkpoint'], figures={'loss', 'score'} <= set(dict(self.summary)))
        return finish(self, *args, **kwargs)

    monkeypatch.setattr(wandb.sdk.wandb_run.Run, 'finish', read_before_the_end)
    tracked(tmp_path / 'first', 'wandb')
    best = next((tmp_path / 'first').glob('best_score_*')).name
    assert seen == {'mode': 'offline', 'name': 'first', 'lr': 0.05, 'best': best, 'figures': True}
    [folder] = (tmp_path / 'wandb').glob('offline-run-*')
    assert len(list(folder.glob('files/media/images/validation_samples_*.png'))) == 4
    assert next(folder.glob('run-*.wandb')).stat().st_size > 0
    assert not list(folder.rglob('private.py'))  # mmengine's backend copies every script below the current folder


def test_tensorboard_keeps_the_best_checkpoint_and_pictures(tmp_path, no_server):
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    tracked(tmp_path / 'first', 'tensorboard')
    [folder] = (tmp_path / 'first').glob('*/vis_data')
    read = events.EventAccumulator(str(folder))
    read.Reload()
    tags = read.Tags()
    assert {'loss', 'score'} <= set(tags['scalars'])
    assert tags['images'] == ['validation_samples']
    assert {'config/text_summary', 'best_checkpoint/text_summary'} <= set(tags['tensors'])


def test_a_tracker_joins_what_the_config_writes_to_once(monkeypatch):
    monkeypatch.setattr(training_config, 'find_spec', lambda name: True)
    local = dict(type='LocalVisBackend')
    own = dict(type='MLflowVisBackend', tracking_uri='http://server')
    config = Config(dict(work_dir='w/x', visualizer=dict(type='SegLocalVisualizer', vis_backends=[local, own])))
    for names in ('tensorboard,mlflow', ['tensorboard', 'mlflow'], ()):
        training_config.set_trackers(config, names)
    assert [dict(backend) for backend in config.visualizer.vis_backends] == [
        local,
        dict(type='TensorboardTracker'),
        dict(type='MLflowTracker', tracking_uri='http://server'),
    ]
    assert [hook.type for hook in config.custom_hooks] == ['TrackHook']


def test_records_go_to_a_server_only_where_the_environment_names_one(monkeypatch, no_server):
    monkeypatch.setattr(training_config, 'find_spec', lambda name: True)

    def settings():
        config = Config(dict(work_dir='runs/a'))
        training_config.set_trackers(config, 'mlflow,wandb')
        return config.visualizer.vis_backends

    mlflow, wandb = settings()
    assert 'tracking_uri' not in mlflow
    assert Path(mlflow.save_dir) == Path('runs/mlruns').resolve()
    assert (wandb.init_kwargs.mode, Path(wandb.init_kwargs.dir)) == ('offline', Path('runs').resolve())
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://server')
    monkeypatch.setenv('WANDB_MODE', 'online')
    mlflow, wandb = settings()
    assert (mlflow.tracking_uri, wandb.init_kwargs.mode) == ('http://server', 'online')


@pytest.mark.parametrize('name', TRACKERS)
def test_a_tracker_that_is_not_installed_names_its_extra(monkeypatch, name):
    monkeypatch.setattr(training_config, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=rf'--track {name} needs the extra .*"mmseg-aux-hrnet\[{name}\]"'):
        training_config.set_trackers(Config(dict(work_dir='w')), name)


def test_an_unknown_tracker_is_refused():
    with pytest.raises(ConfigError, match='--track comet is unknown: use tensorboard, mlflow, wandb'):
        training_config.set_trackers(Config(dict(work_dir='w')), 'comet')


def test_names_that_mlflow_does_not_take_are_changed():
    assert MLFLOW_ALLOWED.sub('_', 'IoU.road (paved), x/Straße') == 'IoU.road _paved__ x/Straße'
