"""A run that was stopped and resumed ends with the bits of one that was not."""

import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmseg.registry import DATASETS, HOOKS, METRICS, MODELS
from torch import nn

from mmseg_aux_hrnet.engine import train
from mmseg_aux_hrnet.errors import TrainingInterrupted
from mmseg_aux_hrnet.weights import checkpoint_to_resume, read_checkpoint

LOADED = []  # indices that this process loaded, with num_workers=0


@DATASETS.register_module()
class DrawnDataset(BaseDataset):
    """Ten vectors, each augmented with all three generators."""

    def load_data_list(self):
        return [{'value': float(i)} for i in range(10)]

    def prepare_data(self, idx):
        LOADED.append(int(idx))
        noise = [0.0] * 4 if self.test_mode else [random.random(), float(np.random.rand()), *torch.rand(2).tolist()]
        return {'inputs': torch.tensor(noise) + self.get_data_info(idx)['value'] / 10}


@MODELS.register_module()
class DroppingModel(BaseModel):
    """Batch norm and dropout: state of its own, and random numbers of its own."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, inputs, mode='tensor'):
        out = self.layers(torch.stack(inputs))
        return {'loss': (out - 1).square().mean()} if mode == 'loss' else [float(value) for value in out]


@METRICS.register_module()
class MeanOutput(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return {'score': -abs(sum(results) / len(results) - 1)}


@HOOKS.register_module()
class EndAt(Hook):
    """Ends training in an iteration: by a signal, or as kill -9 does, without another word."""

    priority = 'NORMAL'

    def __init__(self, iteration, by):
        self.iteration, self.by = iteration, by

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.iteration:
            if self.by == 'kill':
                raise Killed
            signal.raise_signal(getattr(signal, self.by))


class Killed(BaseException):
    pass


def loader(sampler, workers, test_mode=False):
    return dict(
        batch_size=3, drop_last=True, num_workers=workers, persistent_workers=workers > 0,
        sampler=dict(type=sampler, shuffle=not test_mode), dataset=dict(type='DrawnDataset', test_mode=test_mode),
    )  # fmt: skip


def config(work_dir, *, epochs, workers, end=None, length=12, **changes):
    """Return the config of a tiny run of ``length`` iterations, or of 4 epochs of 3."""
    loop = (
        dict(type='EpochBasedTrainLoop', max_epochs=4) if epochs else dict(type='IterBasedTrainLoop', max_iters=length)
    )
    hooks = dict(
        checkpoint=dict(
            type='WholeCheckpointHook', by_epoch=epochs, interval=1 if epochs else 5, save_best='score',
            rule='greater', max_keep_ckpts=2,
        ),
        exact_resume=dict(type='ExactResumeHook'), interrupt=dict(type='InterruptHook'), finite=dict(type='FiniteHook'),
    )  # fmt: skip
    custom = [dict(type='EMAHook'), dict(type='EarlyStopHook', monitor='score', rule='greater', patience=9)]
    if end is not None:
        custom.append(dict(type='EndAt', iteration=end[0], by=end[1]))
    return dict(
        model=dict(type='DroppingModel'), work_dir=str(work_dir), experiment_name=f'{work_dir.name}_{random.random()}',
        train_dataloader=loader('ExactSampler' if epochs else 'ExactInfiniteSampler', workers),
        val_dataloader=loader('DefaultSampler', workers, test_mode=True),
        val_evaluator=dict(type='MeanOutput'), val_cfg=dict(),
        train_cfg=dict(**loop, val_interval=1 if epochs else 5),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),
            dict(type='PolyLR', eta_min=1e-3, power=0.9, by_epoch=False, begin=0, end=length),
        ],
        default_hooks=hooks, custom_hooks=custom, randomness=dict(seed=3), log_level='ERROR', default_scope='mmseg',
        **changes,
    )  # fmt: skip


def run(work_dir, **settings):
    """Train, and return the last checkpoint's content without what names times and places."""
    resume = {}
    if (last := checkpoint_to_resume('auto', work_dir)) is not None:
        resume = dict(resume=True, load_from=str(last))
    LOADED.clear()
    train(Runner.from_cfg(Config(config(work_dir, **settings, **resume))))
    return content(checkpoint_to_resume('auto', work_dir))


def content(path):
    held = read_checkpoint(path)
    hub = held['message_hub']
    history = {key: value.data[0].tolist() for key, value in hub['log_scalars'].items() if 'time' not in key}
    notes = {key: hub['runtime_info'].get(key) for key in ('best_score', 'early_stop', 'validated_at')}
    notes |= {key: held['meta'][key] for key in ('iter', 'epoch')}
    parts = {key: held[key] for key in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')}
    return {**parts, 'history': history, 'notes': notes, 'best': Path(hub['runtime_info']['best_ckpt']).name}


def assert_same_bits(got, expected, where=''):
    assert type(got) is type(expected), where
    if isinstance(got, dict):
        assert got.keys() == expected.keys(), where
        for key in got:
            assert_same_bits(got[key], expected[key], f'{where}.{key}')
    elif isinstance(got, (list, tuple)):
        assert len(got) == len(expected), where
        for index, pair in enumerate(zip(got, expected, strict=True)):
            assert_same_bits(*pair, f'{where}.{index}')
    elif isinstance(got, torch.Tensor):
        assert torch.equal(got, expected), where
    else:
        assert got == expected or got != got, where


@pytest.fixture(scope='module', autouse=True)
def quick_start():
    """Skip the list of compilers and GPUs that mmengine logs at every start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, '_log_env', lambda self, env_cfg: None)
        yield


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    """The end of a run that nothing stopped, for each loop, without workers."""
    return {epochs: run(tmp_path_factory.mktemp('whole'), epochs=epochs, workers=0) for epochs in (False, True)}


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
@pytest.mark.parametrize('end', [(5, 'SIGTERM'), (7, 'SIGINT'), (6, 'SIGUSR1'), (9, 'kill'), (12, 'SIGTERM')])
def test_a_resumed_run_ends_with_the_same_bits(uninterrupted, tmp_path, epochs, end):
    with pytest.raises(Killed if end[1] == 'kill' else TrainingInterrupted):
        run(tmp_path, epochs=epochs, workers=0, end=end)
    assert_same_bits(run(tmp_path, epochs=epochs, workers=0), uninterrupted[epochs])


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
def test_workers_do_not_matter(uninterrupted, tmp_path, epochs):
    with pytest.raises(TrainingInterrupted):
        run(tmp_path, epochs=epochs, workers=2, end=(7, 'SIGTERM'))
    assert_same_bits(run(tmp_path, epochs=epochs, workers=1), uninterrupted[epochs])
