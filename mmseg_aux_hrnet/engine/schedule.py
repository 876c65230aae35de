"""The schedule of the learning rate: that of mmcv 1, and that of a resumed run with a changed config."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import ConstantLR
from mmseg.registry import PARAM_SCHEDULERS

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
        print_log('the schedule depends on validation figures: it continues as in the checkpoint', logger='current')
        return
    groups = checkpoint['optimizer']['param_groups']
    meta = checkpoint['meta']
    per_epoch = len(runner.train_dataloader) if meta['epoch'] else None
    schedulers, replayed_groups = _replay(runner, groups, iters=meta['iter'], per_epoch=per_epoch)
    checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in schedulers]
    for group, replayed in zip(groups, replayed_groups, strict=True):
        group.update({key: value for key, value in replayed.items() if key != 'params'})
    print_log(f'the schedule changed: the learning rate continues at {groups[0]["lr"]:.4g}', logger='current')


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


@PARAM_SCHEDULERS.register_module()
class MmcvLR(ConstantLR):
    """The learning rate of mmcv 1's ``lr_config``: a decay with a floor, times a warm-up.

    The schedulers of mmengine change the rate that they find, so a warm-up beside them multiplies what is above the
    floor only, and not as long as it should. Here the rate is that of mmcv's formulas at every iteration, whatever
    another scheduler has done.

    Args:
        optimizer: whose groups get the rate.
        policy: ``poly``, ``CosineAnnealing``, ``step``, ``exp`` or ``fixed``.
        length: of the training, in epochs where ``epoch_length`` is given, else in iterations.
        decay_by_epoch: whether the decay counts epochs, so that the rate is constant within each.
        decay: its settings by mmcv's names: ``power``, ``min_lr``, ``min_lr_ratio``, ``step``, ``gamma``.
        warmup: ``linear``, ``constant`` or ``exp``; None for none.
        warmup_iters: its iterations, or its epochs with ``warmup_by_epoch``.
        warmup_ratio: what it multiplies the rate by at its start.
        warmup_by_epoch: whether it is given in epochs.
        epoch_length: iterations of an epoch; given by ``convert_to_iter_based=True`` in a training of epochs.
        **kwargs: as in mmengine's ``ConstantLR``, without ``factor``.
    """

    def __init__(
        self,
        optimizer: Any,
        *,
        policy: str,
        length: int,
        decay_by_epoch: bool = False,
        decay: Mapping[str, Any] | None = None,
        warmup: str | None = None,
        warmup_iters: int = 0,
        warmup_ratio: float = 0.1,
        warmup_by_epoch: bool = False,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Before the parent's, which takes the first step.
        self.policy, self.decay, self.epoch_length = policy, dict(decay or {}), epoch_length if decay_by_epoch else None
        self.length = length if decay_by_epoch else length * (epoch_length or 1)
        self.warmup, self.warmup_ratio = warmup, warmup_ratio
        self.warmup_iters = warmup_iters * ((epoch_length or 1) if warmup_by_epoch else 1)
        super().__init__(optimizer, factor=1.0, **kwargs)

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, epoch_length: int, **kwargs: Any) -> 'MmcvLR':
        """Build for a training of epochs, of which mmengine says how many iterations each has."""
        return cls(*args, epoch_length=epoch_length, **{**kwargs, 'by_epoch': False})

    def _get_value(self) -> list[float]:
        step = self.last_step
        progress = min(step // (self.epoch_length or 1), self.length)
        factor = 1.0
        if self.warmup is not None and step < self.warmup_iters:
            share = 1 - step / self.warmup_iters
            factor = {
                'constant': self.warmup_ratio,
                'linear': 1 - share * (1 - self.warmup_ratio),
                'exp': self.warmup_ratio**share,
            }[self.warmup]
        return [factor * self._decayed(base, progress) for base in self.base_values]

    def _decayed(self, base: float, progress: int) -> float:
        """Return the rate of a group before warm-up, ``progress`` iterations or epochs after the start."""
        settings, done = self.decay, progress / self.length
        low: float = base * settings['min_lr_ratio'] if 'min_lr_ratio' in settings else settings.get('min_lr', 0.0)
        rate: float = base
        match self.policy:
            case 'poly':
                rate = (base - low) * (1 - done) ** settings.get('power', 1.0) + low
            case 'CosineAnnealing':
                rate = low + (base - low) * (1 + math.cos(math.pi * done)) / 2
            case 'step':
                steps = settings['step']
                passed = progress // steps if isinstance(steps, int) else sum(progress >= place for place in steps)
                rate = max(base * settings.get('gamma', 0.1) ** passed, low)
            case 'exp':
                rate = base * settings['gamma'] ** progress
        return rate
