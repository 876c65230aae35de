"""Losses that are read an iteration later, as on a GPU."""

import json
import math
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from tiny_run import LOADED, quick_start, run  # noqa: F401

from mmseg_aux_hrnet.engine.hooks import FiniteHook, finite_hook
from mmseg_aux_hrnet.engine.hooks.late_runtime_info_hook import LateScalars
from mmseg_aux_hrnet.errors import DivergedError
from mmseg_aux_hrnet.weights import read_checkpoint

LATE = dict(type='LateRuntimeInfoHook')
DRAWER = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])


@pytest.fixture
def on_a_device(monkeypatch):
    monkeypatch.setattr(finite_hook, 'host_waits', lambda value: True)


def logged(work_dir):
    """Return the lines of the log without what no two runs share."""
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if 'time' not in key} for line in lines]


def history(work_dir, name):
    hub = read_checkpoint(work_dir / name)['message_hub']
    return hub['log_scalars']['train/loss']._log_history.tolist()


@pytest.mark.parametrize('epochs', [False, True], ids=['iterations', 'epochs'])
def test_what_is_logged_and_kept_is_the_same(tmp_path, epochs):
    runs = [
        run(tmp_path / name, epochs=epochs, runtime_info=info, visualizer=DRAWER)
        for name, info in (('at once', None), ('late', LATE))
    ]
    assert logged(runs[0]) == logged(runs[1]) != []
    for name in ['epoch_3.pth', 'epoch_4.pth'] if epochs else ['iter_10.pth', 'iter_12.pth']:
        assert history(runs[0], name) == history(runs[1], name) != []


def test_a_loss_that_is_nan_is_found_an_iteration_later_with_its_own_batch(tmp_path, on_a_device):
    with pytest.raises(
        DivergedError, match='the loss is nan at iteration 7; last good checkpoint: .*iter_5.pth'
    ) as got:
        run(tmp_path, end=(7, 'nan before'))
    names = ', '.join(f'{index}.png' for index in LOADED[-6:-3])
    assert f'batch: {names};' in str(got.value)


@pytest.mark.parametrize('iteration', [5, 12])
def test_a_loss_that_is_nan_is_found_before_a_checkpoint_and_at_the_end(tmp_path, on_a_device, iteration):
    with pytest.raises(DivergedError, match=f'the loss is nan at iteration {iteration};'):
        run(tmp_path, end=(iteration, 'nan before'))


def test_values_are_read_as_they_were():
    scalars = LateScalars({'a': torch.tensor([0.1]), 'b': 3, 'c': torch.tensor(float('nan'))})
    values = scalars.read()
    assert values['a'] == torch.tensor(0.1).item()
    assert values['b'] == 3.0
    assert values['c'] != values['c']


def test_a_label_that_is_no_class_is_named(tmp_path):
    head = SimpleNamespace(num_classes=2, ignore_index=255)
    runner = SimpleNamespace(work_dir=tmp_path, iter=0, model=SimpleNamespace(decode_head=head))

    good = SegDataSample(metainfo=dict(img_path='good.png'), gt_sem_seg=PixelData(data=torch.tensor([[[0, 255]]])))
    bad = SegDataSample(metainfo=dict(img_path='bad.png'), gt_sem_seg=PixelData(data=torch.tensor([[[1, 128]]])))
    for samples, advice in (
        ([good], 'lower the learning rate'),
        ([good, bad], 'label 128 of bad.png is not a class: allowed are 0..1'),
    ):
        with pytest.raises(DivergedError, match=f'; {re.escape(advice)}'):
            FiniteHook().after_train_iter(runner, 0, {'data_samples': samples}, {'loss': torch.tensor(math.nan)})
