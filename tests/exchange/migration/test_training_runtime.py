import sys

import pytest
from mmengine.config import Config
from tool_support import REPO

from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.schedule import Length
from mmseg_aux_hrnet.exchange.migration.training import (
    Validation,
    migrate_environment,
    migrate_hooks,
    migrate_loops,
)

ITERATIONS, EPOCHS = Length(False, 100), Length(True, 20)


def validation(**settings):
    return Validation(Section(settings, place='evaluation', report=Report()))


def hooks(length=ITERATIONS, evaluation=None, **settings):
    report = Report()
    got = migrate_hooks(Section(settings, place='', report=report), length, validation(**(evaluation or {})))
    return got, report


def environment(**settings):
    report = Report()
    return migrate_environment(Section(settings, place='', report=report)), report


@pytest.mark.parametrize('length', [ITERATIONS, EPOCHS])
def test_checkpoints(length):
    config = dict(by_epoch=length.by_epoch, interval=5, max_keep_ckpts=2, save_optimizer=False)
    got, report = hooks(length, dict(save_best='IoU.green'), checkpoint_config=config)
    kept = dict(config, type='WholeCheckpointHook', save_best='IoU.green', rule='greater')
    assert got['default_hooks']['checkpoint'] == kept
    assert got['default_hooks']['logger']['log_metric_by_epoch'] == length.by_epoch
    assert {'type': 'CurveHook', 'figures': ('IoU.green', 'mIoU', 'OA')} in got['custom_hooks']
    assert not report.notes


def test_what_runs_around_training_is_what_our_own_configs_have():
    schedule = REPO / 'configs/_base_/schedules/schedule_80k.py'
    own = Config.fromfile(schedule).default_hooks
    got = hooks()[0]['default_hooks']
    assert {key: hook['type'] for key, hook in got.items()} == {key: hook.type for key, hook in own.items()}


def test_checkpoints_that_are_said_otherwise():
    got, _ = hooks(checkpoint_config=None)
    assert got['default_hooks']['checkpoint'] == dict(type='WholeCheckpointHook', by_epoch=False, interval=-1)
    _, report = hooks(checkpoint_config=dict(interval=1, by_epoch=True, meta=dict(), odd=2))
    assert [note.place.removeprefix('checkpoint_config.') for note in report.notes] == ['by_epoch', 'meta', 'odd']


def test_logs():
    loggers = [
        dict(type='TextLoggerHook', by_epoch=False),
        dict(type='TensorboardLoggerHook', interval=3),
        dict(type='WandbLoggerHook', init_kwargs=dict(project='p'), log_artifact=True),
        dict(type='PaviLoggerHook'),
    ]
    got, report = hooks(log_config=dict(interval=7, hooks=loggers))
    assert got['default_hooks']['logger']['interval'] == 7
    assert got['vis_backends'] == [
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
        dict(type='WandbVisBackend', init_kwargs=dict(project='p')),
    ]
    assert [note.place.removeprefix('log_config.') for note in report.notes] == [
        'WandbLoggerHook.log_artifact',
        'PaviLoggerHook',
    ]
    assert hooks()[0]['default_hooks']['logger']['interval'] == 10


def test_hooks_of_the_config_stay_where_1x_has_them():
    got, report = hooks(custom_hooks=[dict(type='EMAHook', momentum=0.1), dict(type='MineHook')])
    assert got['custom_hooks'][-1] == dict(type='EMAHook', momentum=0.1)
    assert 'MineHook' in report.notes[0].text


@pytest.mark.parametrize(
    ('length', 'evaluation', 'checkpoints', 'loop'),
    [
        (ITERATIONS, dict(interval=9), 5, dict(type='IterBasedTrainLoop', max_iters=100, val_interval=9)),
        (ITERATIONS, dict(), 5, dict(type='IterBasedTrainLoop', max_iters=100, val_interval=5)),
        (ITERATIONS, dict(), -1, dict(type='IterBasedTrainLoop', max_iters=100, val_interval=100)),
        (
            EPOCHS,
            dict(interval=2, start=4),
            1,
            dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=2, val_begin=4),
        ),
    ],
)
def test_loops(length, evaluation, checkpoints, loop):
    got = migrate_loops(length, validation(**evaluation), checkpoints=checkpoints)
    assert got == {'train_cfg': loop, 'val_cfg': {'type': 'ValLoop'}, 'test_cfg': {'type': 'TestLoop'}}


def test_environment():
    got, report = environment(
        dist_params=dict(backend='gloo'), cudnn_benchmark=True, log_level='DEBUG', seed=3, deterministic=True,
        mp_start_method='spawn', opencv_num_threads=2, find_unused_parameters=True, work_dir='w', gpu_ids=[0],
        workflow=[('train', 1)], load_from='a.pth',
    )  # fmt: skip
    assert got['env_cfg'] == dict(
        cudnn_benchmark=True,
        mp_cfg=dict(mp_start_method='spawn', opencv_num_threads=2),
        dist_cfg=dict(backend='gloo'),
    )
    assert got['randomness'] == dict(seed=3, deterministic=True)
    assert (got['log_level'], got['work_dir'], got['find_unused_parameters']) == ('DEBUG', 'w', True)
    assert (got['load_from'], got['resume']) == ('a.pth', False)
    assert not report.notes


def test_a_run_of_0x_gives_its_weights_only():
    got, report = environment(resume_from='b.pth', load_from='a.pth')
    assert (got['load_from'], got['resume']) == ('b.pth', False)
    assert [(note.kind, note.place) for note in report.notes] == [('chosen', 'resume_from')]
    assert environment(auto_resume=True)[0]['resume'] is True


def test_modules_of_the_config_are_imported_where_they_can_be(tmp_path, monkeypatch):
    (tmp_path / 'module_of_mine.py').write_text('LOADED = True\n')
    (tmp_path / 'module_of_old.py').write_text('from mmcv.runner import HOOKS\n')
    monkeypatch.syspath_prepend(tmp_path)
    modules = ['module_of_mine', 'module_of_old', 'mmseg.core.nothing', 'mmseg_aux_hrnet']
    got, report = environment(custom_imports=dict(imports=modules, allow_failed_imports=False))
    assert got['custom_imports'] == dict(imports=['mmseg_aux_hrnet', 'module_of_mine'])
    assert [note.text.split(':')[0] for note in report.notes] == ['module_of_old', 'mmseg.core.nothing']
    assert sys.modules['module_of_mine'].LOADED


def test_what_has_no_place_is_named():
    _, report = environment(workflow=[('train', 1), ('val', 1)], momentum_config=dict(policy='cyclic'), device='cpu')
    assert {note.place for note in report.notes} == {'workflow', 'momentum_config', 'device'}
