"""Lets a resumed run follow the schedule of its config where that is no longer the checkpoint's."""

from typing import Any

import torch
from mmengine.logging import print_log

from mmseg_aux_hrnet.engine.private_names import SCHEDULER_PROGRESS, build_schedulers


def follow_config(runner: Any, checkpoint: dict[str, Any]) -> None:
    """Replace the schedule in ``checkpoint`` by the config's, at the same iteration, where the two differ.

    mmengine restores the old end of the schedule with its state, so raising ``max_iters`` would train on at the lowest
    learning rate. The new schedule is stepped from its start, so that every value has the bits of a run that followed
    it all along. Schedules that depend on validation figures are left as they were.
    """
    saved = checkpoint.get('param_schedulers')
    fresh = runner.param_schedulers
    if not isinstance(fresh, list) or not isinstance(saved, list) or 'optimizer' not in checkpoint:
        return
    if _settings(saved) == _settings([scheduler.state_dict() for scheduler in fresh]):
        return
    if any(getattr(scheduler, 'need_val_args', False) for scheduler in fresh):
        print_log('the schedule depends on validation figures: it goes on as in the checkpoint', logger='current')
        return
    groups = checkpoint['optimizer']['param_groups']
    meta = checkpoint['meta']
    per_epoch = len(runner.train_dataloader) if meta['epoch'] else None
    schedulers, replayed_groups = _replay(runner, groups, iters=meta['iter'], per_epoch=per_epoch)
    checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in schedulers]
    for group, replayed in zip(groups, replayed_groups, strict=True):
        group.update({key: value for key, value in replayed.items() if key != 'params'})
    print_log(f'the schedule changed: the learning rate goes on at {groups[0]["lr"]:.4g}', logger='current')


def _settings(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in state.items() if key not in SCHEDULER_PROGRESS} for state in states]


def _replay(
    runner: Any, groups: list[dict[str, Any]], *, iters: int, per_epoch: int | None
) -> tuple[list[Any], list[dict[str, Any]]]:
    """Step the config's schedulers from the start; return them and the optimizer's groups as they leave them."""
    starts = []  # the groups' settings at the start of training, without the weights
    for group in groups:
        start = {key: value for key, value in group.items() if key != 'params'}
        start |= {key.removeprefix('initial_'): value for key, value in group.items() if key.startswith('initial_')}
        starts.append({**start, 'params': [torch.nn.Parameter(torch.zeros(1))]})
    optimizer = torch.optim.SGD(starts, lr=0.0)
    schedulers = build_schedulers(runner, optimizer, steps=iters)
    for iteration in range(1, iters + 1):
        for scheduler in schedulers:
            if not scheduler.by_epoch:
                scheduler.step()
        if per_epoch and iteration % per_epoch == 0:
            for scheduler in schedulers:
                if scheduler.by_epoch:
                    scheduler.step()
    return schedulers, optimizer.param_groups
