import copy
import socket

import pytest
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, is_distributed
from mmseg.registry import MODELS
from tool_support import REPO
from torch import distributed as torch_dist
from torch import nn

from mmseg_aux_hrnet.errors import LaunchError
from mmseg_aux_hrnet.models import CPUDataParallel, speed
from mmseg_aux_hrnet.run import launch

SLURM = dict(SLURM_PROCID='3', SLURM_NTASKS='4', SLURM_LOCALID='1', SLURM_JOB_ID='1234567', SLURM_JOB_NODELIST='n[1-2]')


@pytest.fixture
def alone(monkeypatch):
    """The environment of the only process that torchrun started."""
    with socket.create_server(('', 0)) as free:
        port = str(free.getsockname()[1])
    variables = dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    for name, value in {**variables, 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}.items():
        monkeypatch.setenv(name, value)
    yield
    if torch_dist.is_initialized():
        torch_dist.destroy_process_group()


def loaders():
    sampler = dict(type='DefaultSampler', shuffle=False)
    return Config({name: dict(sampler=dict(sampler)) for name in ('train_dataloader', 'val_dataloader')})


def test_one_process_joins_nobody():
    config = loaders()
    launch.join_processes(config, 'none')
    assert not is_distributed()
    assert 'model_wrapper_cfg' not in config


def test_without_gpus_processes_meet_over_gloo(alone):
    config = loaders()
    launch.join_processes(config, 'pytorch')
    assert (get_world_size(), torch_dist.get_backend()) == (1, 'gloo')
    assert config.model_wrapper_cfg.type == 'mmseg.CPUDataParallel'
    assert config.sync_bn is None
    assert config.val_dataloader.sampler.round_up is False
    assert 'round_up' not in config.train_dataloader.sampler


@pytest.mark.parametrize(('size', 'expected'), [('1', None), ('2', 'torch')])
def test_with_gpus_several_processes_share_their_statistics(alone, monkeypatch, size, expected):
    met = []
    monkeypatch.setattr(launch, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(launch, '_meet', lambda settings, device: met.append((settings['timeout'], device)))
    monkeypatch.setenv('WORLD_SIZE', size)
    config = Config(dict(env_cfg=dict(dist_cfg=dict(timeout=60))))
    launch.join_processes(config, 'pytorch')
    assert met == [(60, 'cuda')]
    assert config.get('sync_bn') == expected
    assert 'model_wrapper_cfg' not in config


def test_sync_bn_becomes_bn_on_a_cpu(alone):
    launch.join_processes(Config(), 'pytorch')
    norm = nn.SyncBatchNorm(3)
    nn.init.constant_(norm.running_mean, 5.0)
    wrapped = CPUDataParallel(nn.Sequential(nn.Conv2d(3, 3, 1), norm), device_ids=[0])
    assert type(wrapped.module[1]).__name__ == '_BatchNormXd'
    assert wrapped.module[1].running_mean.tolist() == [5.0, 5.0, 5.0]


@pytest.mark.parametrize('level', ['off', 'safe'])
def test_gradients_keep_their_places_from_the_first_step_on(alone, level):
    launch.join_processes(Config(), 'pytorch')
    torch.manual_seed(0)
    plain = Config.fromfile(REPO / 'configs/_base_/models/fcn_hr18s-v1.py').model.backbone
    network = MODELS.build(plain)
    again = copy.deepcopy(network)
    wrapped = CPUDataParallel(again, level=level)
    for model in (network, wrapped):
        speed.apply(model, level, training=True)
        model.train()
        images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
        sum((out**2).mean() for out in model(images)).backward()
    for (name, want), got in zip(network.named_parameters(), again.parameters(), strict=True):
        if want.grad is not None:
            assert torch.equal(got.grad, want.grad), name


def test_more_processes_than_gpus(alone, monkeypatch):
    monkeypatch.setattr(launch, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(launch.torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setenv('LOCAL_RANK', '2')
    with pytest.raises(LaunchError, match='process 2 of this machine has no GPU: start at most 2 here'):
        launch.join_processes(Config(), 'pytorch')


def test_a_taken_port(alone, monkeypatch):
    with socket.create_server(('', 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv('MASTER_PORT', port)
        with pytest.raises(LaunchError, match=f'port 127.0.0.1:{port} is taken by another program'):
            launch.join_processes(Config(), 'pytorch')


def test_a_launcher_that_did_not_launch(monkeypatch):
    for name in launch.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LaunchError, match='pytorch without RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT'):
        launch.join_processes(Config(), 'pytorch')
    with pytest.raises(LaunchError, match='without SLURM_PROCID in the environment: start with srun'):
        launch.join_processes(Config(), 'slurm')


def test_torchrun_without_launcher_is_refused(alone, monkeypatch):
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(LaunchError, match='started 2 processes: add --launcher pytorch'):
        launch.join_processes(Config(), 'none')


@pytest.mark.parametrize(('gpus', 'local'), [(4, '1'), (1, '0'), (0, '1')])
def test_slurm_variables(gpus, local):
    variables = launch.slurm_variables({**SLURM, 'MASTER_ADDR': 'n1'}, gpus=gpus)
    expected = dict(RANK='3', WORLD_SIZE='4', LOCAL_RANK=local, MASTER_ADDR='n1', MASTER_PORT='24567')
    assert variables == expected


def test_slurm_without_its_host_names(monkeypatch):
    monkeypatch.setenv('PATH', '')
    with pytest.raises(LaunchError, match=r'first of n\[1-2\]: set MASTER_ADDR'):
        launch.slurm_variables(SLURM, gpus=0)


@pytest.mark.parametrize(('resume', 'said'), [(None, 'without --resume'), ('a.pth', 'with --resume a.pth')])
def test_a_training_that_may_be_started_again_must_go_on(monkeypatch, resume, said):
    launch.check_starts(resume)
    monkeypatch.setenv('TORCHELASTIC_MAX_RESTARTS', '3')
    launch.check_starts('auto')
    with pytest.raises(LaunchError, match=f'torchrun --max-restarts 3 {said}: .*; give --resume without a file'):
        launch.check_starts(resume)


def test_starts_are_counted_from_one(monkeypatch):
    assert launch.starts() == (1, 1)
    monkeypatch.setenv('TORCHELASTIC_MAX_RESTARTS', '3')
    monkeypatch.setenv('TORCHELASTIC_RESTART_COUNT', '2')
    assert launch.starts() == (3, 4)
