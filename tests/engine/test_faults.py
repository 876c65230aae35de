"""Faults while training: what is said, and what is left."""

import errno
import os
from pathlib import Path

import pytest
from mmengine.logging import MMLogger
from tiny_run import LOADED, end_of, quick_start, run  # noqa: F401

from mmseg_aux_hrnet.engine.hooks.interrupt_hook import command_to_resume
from mmseg_aux_hrnet.errors import DataError, DivergedError, ImageError, ResourceError
from mmseg_aux_hrnet.run.training_loop import explain
from mmseg_aux_hrnet.weights import checkpoint_to_resume


def test_a_loss_that_is_nan_stops_the_run_with_the_names_of_the_batch(tmp_path):
    with pytest.raises(
        DivergedError, match='the loss is nan at iteration 7; last good checkpoint: .*iter_5.pth'
    ) as got:
        run(tmp_path, end=(7, 'nan before'))
    names = ', '.join(f'{index}.png' for index in LOADED[-3:])
    assert f'batch: {names};' in str(got.value)
    assert len(str(got.value).splitlines()) == 1


def test_weights_that_are_nan_are_not_saved(tmp_path):
    with pytest.raises(
        DivergedError, match=r'weights layers.0.weight are not finite at iteration 5; .*none was written'
    ):
        run(tmp_path, end=(5, 'nan after'))
    assert list(tmp_path.glob('*.pth*')) == []


def test_a_damaged_sample_stops_the_run_with_its_name(tmp_path):
    with pytest.raises(ImageError, match=r'4.png is damaged'):
        run(tmp_path, dataset=dict(damaged=[4]))


@pytest.mark.parametrize('workers', [0, 2])
def test_damaged_samples_are_left_out_named_and_counted(tmp_path, monkeypatch, workers):
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text, *args: said.append(text))
    hook = dict(type='SkippedSampleHook')
    run(tmp_path, length=10, workers=workers, dataset=dict(damaged=[4, 5]), custom=[hook], on_bad='skip')
    left_out = [text for text in said if 'left out' in text]  # 30 draws of 10 samples: each of them three times
    assert sorted(left_out[:2]) == [
        f'a sample is left out, and the next one takes its place: {i}.png is damaged' for i in (4, 5)
    ]
    assert left_out[2:] == ['2 damaged samples left out 9 times']  # 4, then 5 in its place, and 5 itself


def test_nothing_but_damaged_samples_stops_the_run(tmp_path):
    with pytest.raises(DataError, match='not one of 10 samples can be read; the first: .*png is damaged'):
        run(tmp_path, dataset=dict(damaged=list(range(10))), on_bad='skip')


def test_a_worker_killed_by_memory_is_reported_as_that(tmp_path):
    with pytest.raises(ResourceError, match=r'worker was killed \(signal Killed\), most likely because memory'):
        run(tmp_path, workers=2, dataset=dict(deadly=[3]))


def test_early_stopping_stops_saves_and_is_counted_across_runs(tmp_path):
    early = [dict(type='EarlyStopHook', monitor='score', rule='greater', patience=1, min_delta=100.0)]
    run(tmp_path, length=30, custom=early)
    assert Path(checkpoint_to_resume('auto', tmp_path)).name == 'iter_10.pth'
    assert end_of(tmp_path)['notes']['early_stop'][0] == 1


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (RuntimeError('DataLoader worker (pid(s) 12, 13) exited unexpectedly'), 'exited unexpectedly.*num_workers'),
        (
            RuntimeError('DataLoader worker (pid 7) is killed by signal: Bus error. It is possible'),
            'shared memory.*shm',
        ),
        (RuntimeError('CUDA out of memory. Tried to allocate 2 GiB\nmore'), 'CUDA out of memory.*batch_size'),
        (MemoryError(), 'memory ran out'),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'a.json'), 'no space left to write a.json'),
    ],
)
def test_resources_that_ran_out_are_named(error, said):
    with pytest.raises(ResourceError, match=said):
        raise explain(error)


def test_other_errors_are_not_explained_away():
    assert explain(RuntimeError('mat1 and mat2 shapes cannot be multiplied')) is None
    assert explain(OSError(errno.EACCES, 'denied')) is None


@pytest.mark.parametrize(
    ('argv', 'command'),
    [
        (['tools/train.py', 'c.py', '--seed', '0'], 'python tools/train.py c.py --seed 0 --resume'),
        (
            ['tools/train.py', 'c.py', '--resume', 'a b.pth', '--seed', '0'],
            'python tools/train.py c.py --seed 0 --resume',
        ),
        (['hrnet-train', 'c.py', '--resume'], 'hrnet-train c.py --resume'),
    ],
)
def test_command_to_go_on(argv, command):
    assert command_to_resume(argv) == command


def test_command_to_go_on_in_several_processes(monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    argv = ['tools/train.py', 'c.py', '--seed', '0', '--launcher=pytorch']
    assert command_to_resume(argv) == 'python tools/dist_run.py 4 tools/train.py c.py --seed 0 --resume'
