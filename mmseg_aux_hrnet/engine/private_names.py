"""The private names of mmengine and torch that engine and run need: one function for each.

``tests/engine/test_private_names.py`` uses each on the installed versions, so that an update that moves a name fails
there, with its name, instead of in the middle of a run. What a class overrides or asks of its own parent is not here
but in that class, and ``models``, which does not know ``engine``, has its names in ``models/speed.py``.
"""

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import get_rank
from torch import distributed

# Keys of a scheduler's state that tell how far it is; all others are settings.
SCHEDULER_PROGRESS = ('base_values', 'last_step', '_global_step', '_last_value', 'verbose')


def is_resuming(runner: Any) -> bool:
    """Say whether mmengine's runner goes on with a checkpoint; loading one as a start runs the same hooks."""
    return bool(runner._resume)


def base_seed(runner: Any) -> int:
    """Return the seed of the run, the same in every process; mmengine may have added the rank to the runner's."""
    return int(runner.seed) - (get_rank() if runner._randomness_cfg.get('diff_rank_seed') else 0)


def build_schedulers(runner: Any, optimizer: torch.optim.Optimizer, *, steps: int) -> list[Any]:
    """Return the schedulers of the runner's config for another optimizer; the public way takes the runner's own.

    They believe that the optimizer made ``steps`` steps; else mmengine warns of a wrong order when they are stepped.
    """
    schedulers = list(runner._build_param_scheduler(runner.cfg.param_scheduler, optimizer))
    for scheduler in schedulers:
        scheduler.optimizer._global_step = steps
    return schedulers


def accumulated_iterations(runner: Any) -> int:
    """Return how many iterations add up their gradients before the optimizer steps, from 1 up."""
    # A wrapper of several optimizers counts in each of them, and has no count of its own.
    return int(getattr(runner.optim_wrapper, '_accumulative_counts', 1))


def infinite_indices(sampler: Any) -> Iterator[int]:
    """Return the endless indices of mmengine's ``InfiniteSampler`` from the first on, for all processes."""
    return iter(sampler._infinite_indices())


def drop_iterator(dataloader: Any) -> None:
    """Make the next ``iter(dataloader)`` start again; persistent workers would continue with old batches."""
    dataloader._iterator = None


def end_workers(runner: Any) -> None:
    """End the workers of training and validation; torch waits five seconds for each that is left to it.

    Args:
        runner: mmengine's runner, whose loops need not be built: its public ``train_loop`` would build them.
    """
    for loop in (runner._train_loop, runner._val_loop):
        batches = getattr(getattr(loop, 'dataloader', None), '_iterator', None)
        if batches is not None and hasattr(batches, '_shutdown_workers'):  # without workers there is nothing to end
            batches._shutdown_workers()


def config_dict(config: Any) -> Any:
    """Return the dict inside mmengine's ``Config``, whose items can be replaced one by one while it is walked."""
    return config._cfg_dict


def process_store() -> Any:
    """Return torch's store of what the processes of a run share; it outlives a broken process group.

    Raises:
        RuntimeError: the process that keeps them is gone.
    """
    return distributed.distributed_c10d._get_default_store()
