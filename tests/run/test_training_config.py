import pytest
import torch
from mmengine.config import Config

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run import training_config
from mmseg_aux_hrnet.run.training_config import set_speed


@pytest.fixture
def capable(monkeypatch):
    monkeypatch.setattr(training_config, 'has_bfloat16', lambda device: True)


def config(**wrapper):
    return Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1), **wrapper), train_dataloader=dict()))


@pytest.mark.parametrize('level', ['off', 'safe'])
@pytest.mark.parametrize('wrapper', [dict(type='OptimWrapper'), dict(type='AmpOptimWrapper', loss_scale='dynamic')])
def test_precision_stays_below_max(capable, level, wrapper):
    made = config(**wrapper)
    set_speed(made, level)
    assert made.to_dict() == config(**wrapper).to_dict()


@pytest.mark.parametrize('wrapper', [{}, dict(type='OptimWrapper'), dict(type='AmpOptimWrapper', loss_scale=512.0)])
def test_max_trains_in_bfloat16_without_scaled_losses(capable, wrapper):
    made = config(**wrapper, accumulative_counts=2)
    set_speed(made, 'max')
    assert made.optim_wrapper == config(type='BFloat16OptimWrapper', accumulative_counts=2).optim_wrapper


def test_max_stays_in_float32_without_the_hardware(monkeypatch):
    monkeypatch.setattr(training_config, 'has_bfloat16', lambda device: False)
    made = config(type='OptimWrapper')
    set_speed(made, 'max')
    assert made.optim_wrapper.type == 'OptimWrapper'


def test_an_optimizer_wrapper_of_somebody_else_is_not_replaced(capable):
    with pytest.raises(ConfigError, match='optim_wrapper.type=ApexOptimWrapper.*--speed safe'):
        set_speed(config(type='ApexOptimWrapper'), 'max')


@pytest.mark.parametrize(('level', 'pinned'), [('off', None), ('safe', True), ('max', True)])
def test_batches_go_to_a_gpu_beside_its_work(monkeypatch, level, pinned):
    monkeypatch.setattr(training_config, 'has_bfloat16', lambda device: True)
    monkeypatch.setattr(training_config, 'get_device', lambda: 'cuda')
    made = config(type='OptimWrapper')
    set_speed(made, level)
    assert made.train_dataloader.get('pin_memory') is pinned


def test_an_unknown_level_is_refused():
    with pytest.raises(ConfigError, match="'fast' is unknown"):
        set_speed(config(), 'fast')


def test_devices_without_their_own_bfloat16_are_known():
    from mmseg_aux_hrnet.models.speed import has_bfloat16

    assert not has_bfloat16(torch.device('meta'))
