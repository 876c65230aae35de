"""Runs of a dozen iterations that take a second: everything random that real ones have, and ways to end them."""

import itertools
import os
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
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_aux_hrnet.errors import ImageError
from mmseg_aux_hrnet.run.training_loop import train_runner
from mmseg_aux_hrnet.weights import checkpoint_to_resume, read_checkpoint

RUNS = itertools.count()  # one message hub each
LOADED = []  # indices that this process loaded for training, with num_workers=0


@DATASETS.register_module()
class DrawnDataset(BaseDataset):
    """Ten vectors, each augmented with all three generators; some are damaged, or end their worker."""

    def __init__(self, damaged=(), deadly=(), **kwargs):
        self.damaged, self.deadly = damaged, deadly
        super().__init__(serialize_data=False, **kwargs)  # serialising waits for the garbage collector

    def load_data_list(self):
        return [{'value': float(i)} for i in range(10)]

    def prepare_data(self, idx):
        if idx in self.damaged:
            raise ImageError(f'{idx}.png is damaged')
        if idx in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if not self.test_mode:
            LOADED.append(int(idx))
        noise = [0.0] * 4 if self.test_mode else [random.random(), float(np.random.rand()), *torch.rand(2).tolist()]
        values = torch.tensor(noise) + self.get_data_info(idx)['value'] / 10
        return {'inputs': values, 'data_samples': SegDataSample(metainfo={'img_path': f'{int(idx)}.png'})}


@MODELS.register_module()
class DroppingModel(BaseModel):
    """Batch norm and dropout: state of its own, and random numbers of its own."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        out = self.layers(torch.stack(inputs))
        return {'loss': (out - 1).square().mean()} if mode == 'loss' else [float(value) for value in out]


@METRICS.register_module()
class MeanOutput(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return {'score': -abs(sum(results) / len(results) - 1)}


class Killed(BaseException):
    """Ends training as kill -9 does: nothing is written any more."""


@HOOKS.register_module()
class EndAt(Hook):
    """Brings something about in an iteration, named by ``by``: a signal, a kill, weights that are no numbers."""

    priority = 'NORMAL'

    def __init__(self, iteration, by):
        self.iteration, self.by = iteration, by

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == self.iteration and self.by == 'nan before':
            nn.init.constant_(runner.model.layers[0].weight, float('nan'))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 != self.iteration:
            return
        if self.by == 'kill':
            raise Killed
        if self.by == 'nan after':
            nn.init.constant_(runner.model.layers[0].weight, float('nan'))
        if self.by.startswith('SIG'):
            signal.raise_signal(getattr(signal, self.by))

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.iteration and self.by == 'validation':
            signal.raise_signal(signal.SIGTERM)


def loader(sampler, workers, test_mode=False, dataset=None):
    return dict(
        batch_size=3, drop_last=True, num_workers=workers, persistent_workers=workers > 0, sampler=sampler,
        dataset=dict(type='DrawnDataset', test_mode=test_mode, **(dataset or {})),
    )  # fmt: skip


def config(
    work_dir,
    *,
    epochs=False,
    workers=0,
    end=None,
    length=12,
    dataset=None,
    custom=(),
    on_bad='stop',
    visualizer=None,
    runtime_info=None,
):
    """Return the config of a run of ``length`` iterations, or of 4 epochs of 3."""
    loop = (
        dict(type='EpochBasedTrainLoop', max_epochs=4) if epochs else dict(type='IterBasedTrainLoop', max_iters=length)
    )
    sampler = dict(type='ExactSampler' if epochs else 'ExactInfiniteSampler', on_bad_sample=on_bad)
    hooks = dict(
        checkpoint=dict(
            type='WholeCheckpointHook', by_epoch=epochs, interval=1 if epochs else 5, save_best='score',
            rule='greater', max_keep_ckpts=2,
        ),
        exact_resume=dict(type='ExactResumeHook'), interrupt=dict(type='InterruptHook'), finite=dict(type='FiniteHook'),
        **({} if runtime_info is None else dict(runtime_info=runtime_info)),
    )  # fmt: skip
    ends = [] if end is None else [dict(type='EndAt', iteration=end[0], by=end[1])]
    return dict(
        model=dict(type='DroppingModel'), work_dir=str(work_dir), experiment_name=f'run_{next(RUNS)}',
        train_dataloader=loader(sampler, workers, dataset=dataset),
        val_dataloader=loader(dict(type='DefaultSampler', shuffle=False), workers, test_mode=True),
        val_evaluator=dict(type='MeanOutput'), val_cfg=dict(),
        train_cfg=dict(**loop, val_interval=1 if epochs else 5),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),
            dict(type='PolyLR', eta_min=1e-3, power=0.9, by_epoch=False, begin=0, end=length),
        ],
        default_hooks=hooks, custom_hooks=[dict(type='EMAHook'), *custom, *ends], randomness=dict(seed=3),
        log_level='ERROR', default_scope='mmseg', visualizer=visualizer,
    )  # fmt: skip


def run(work_dir, **settings):
    """Train, from the last checkpoint where there is one, and return the work dir."""
    last = checkpoint_to_resume('auto', work_dir)
    resume = {} if last is None else dict(resume=True, load_from=str(last))
    LOADED.clear()
    train_runner(Runner.from_cfg(Config({**config(work_dir, **settings), **resume})))
    return work_dir


def end_of(work_dir):
    """Return what the last checkpoint holds, without what names times and places."""
    held = read_checkpoint(checkpoint_to_resume('auto', work_dir))
    hub = held['message_hub']
    history = {key: value.data[0].tolist() for key, value in hub['log_scalars'].items() if 'time' not in key}
    notes = {key: hub['runtime_info'].get(key) for key in ('best_score', 'early_stop', 'last_validated_at')}
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
        assert got == expected, where


@pytest.fixture(scope='module', autouse=True)
def quick_start():
    """Skip what takes mmengine half a second a run: a list of compilers, and a config formatted for every file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, '_log_env', lambda self, env_cfg: None)
        patch.setattr(Config, 'pretty_text', '')
        yield
