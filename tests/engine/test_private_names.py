"""Names of mmengine and torch that are not public: where one of these tests fails, an update moved the name."""

import copy
import inspect
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from tiny_run import config, quick_start  # noqa: F401
from torch import distributed
from torch.utils.data import DataLoader

from mmseg_aux_hrnet.engine import private_names


@pytest.fixture
def runner(tmp_path):
    return Runner.from_cfg(Config(config(tmp_path, workers=1)))


@pytest.mark.parametrize('resume', [False, True])
def test_a_run_says_whether_it_resumes(tmp_path, resume):
    """Else a changed schedule is not followed on resume, or a checkpoint to start from is changed."""
    runner = Runner.from_cfg(Config({**config(tmp_path), 'resume': resume}))
    assert private_names.is_resuming(runner) is resume


@pytest.mark.parametrize('differs', [False, True])
def test_the_seed_of_a_run_is_known_where_seeds_differ_by_rank(tmp_path, monkeypatch, differs):
    """Else processes of one run disagree about the order of the data."""
    settings = {**config(tmp_path), 'randomness': dict(seed=3, diff_rank_seed=differs)}
    runner = Runner.from_cfg(Config(settings))
    monkeypatch.setattr(private_names, 'get_rank', lambda: 2)
    assert private_names.base_seed(runner) == (1 if differs else 3)


def test_schedulers_are_built_for_an_optimizer_that_is_not_the_runners(runner):
    """Else a run that is resumed with another schedule trains on at the old one's learning rate."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedulers = private_names.build_schedulers(runner, optimizer, steps=0)
    assert [type(scheduler).__name__ for scheduler in schedulers] == ['LinearLR', 'PolyLR']
    assert optimizer.param_groups[0]['lr'] == pytest.approx(0.05)  # start_factor=0.1


def test_a_scheduler_steps_without_a_warning_where_steps_are_counted(runner, recwarn):
    """Else the replay of a schedule warns in every run that is resumed."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    private_names.build_schedulers(runner, optimizer, steps=4)[0].step()
    assert not [warning for warning in recwarn if 'before' in str(warning.message)]
    with pytest.warns(UserWarning, match='scheduler.step'):
        private_names.build_schedulers(runner, optimizer, steps=-1)[0].step()  # mmengine's count before the first


def test_progress_of_a_scheduler_is_all_that_stepping_changes(runner):
    """Else every resumed run takes its schedule for a changed one."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    for scheduler in private_names.build_schedulers(runner, optimizer, steps=0):
        before = copy.deepcopy(scheduler.state_dict())
        scheduler.step()
        after = scheduler.state_dict()
        changed = {key for key in after if after[key] != before[key]}
        assert changed
        assert changed <= set(private_names.SCHEDULER_PROGRESS) <= set(after)


@pytest.mark.parametrize('count', [1, 3])
def test_accumulated_iterations_are_those_of_the_optimizer_wrapper(count):
    """Else an interrupted run loses the gradients that were not used yet."""
    weight = torch.nn.Parameter(torch.zeros(1))
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=0.1), accumulative_counts=count)
    assert private_names.accumulated_iterations(SimpleNamespace(optim_wrapper=wrapper)) == count
    assert private_names.accumulated_iterations(SimpleNamespace(optim_wrapper=OptimWrapperDict(a=wrapper))) == 1


def test_infinite_indices_start_from_the_first_each_time():
    """Else a run over iterations does not start, or starts with other data on resume or in another process."""
    sampler = InfiniteSampler(range(3), shuffle=False)
    sampler.rank, sampler.world_size = 1, 2
    for _ in range(2):
        indices = private_names.infinite_indices(sampler)
        assert [next(indices) for _ in range(4)] == [0, 1, 2, 0]


def test_a_dropped_iterator_starts_anew():
    """Else a resumed run gets the first batches from workers that started before the sampler was moved."""
    loader = DataLoader(range(3), num_workers=1, persistent_workers=True)
    first = iter(loader)
    assert iter(loader) is first
    private_names.drop_iterator(loader)
    assert iter(loader) is not first


def test_workers_of_a_run_end(runner):
    """Else every run ends with five seconds of waiting for each worker."""
    private_names.end_workers(runner)  # no loop is built yet
    batches = iter(runner.train_loop.dataloader)
    next(batches)
    assert all(worker.is_alive() for worker in batches._workers)
    private_names.end_workers(runner)
    assert not any(worker.is_alive() for worker in batches._workers)


def test_the_dict_of_a_config_is_changed_in_place():
    """Else paths of a config are not made portable."""
    settings = Config(dict(a=dict(b=1)))
    private_names.config_dict(settings)['a']['b'] = 2
    assert settings.a.b == 2


def test_processes_share_counts(tmp_path):
    """Else every process of a run repeats the same error."""
    store = distributed.FileStore(str(tmp_path / 'store'), 1)
    distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    try:
        assert private_names.process_store().add('count', 2) == 2
        assert private_names.process_store().add('count', 1) == 3
    finally:
        distributed.destroy_process_group()


@pytest.mark.parametrize('name', ['_save_checkpoint_with_step', '_save_best_checkpoint'])
def test_mmengines_checkpoint_hook_saves_through_what_is_overridden(name):
    """Else mmengine deletes the old checkpoint before the new one is whole, and a kill leaves none."""
    callers = [member for key, member in vars(CheckpointHook).items() if inspect.isfunction(member) and key != name]
    assert any(f'self.{name}(' in inspect.getsource(member) for member in callers)
