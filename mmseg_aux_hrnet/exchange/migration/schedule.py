"""The length of training and its learning rate: schedulers of 1.x where they give the same rate, else mmcv 1's own."""

from typing import Any, NamedTuple

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.report import Section

# Settings of a decay beside its policy, all by mmcv's names.
DECAYS: dict[str, tuple[str, ...]] = {
    'poly': ('power', 'min_lr'),
    'CosineAnnealing': ('min_lr', 'min_lr_ratio'),
    'step': ('step', 'gamma', 'min_lr'),
    'exp': ('gamma',),
    'fixed': (),
}
WARMUPS = ('linear', 'constant', 'exp')


class Length(NamedTuple):
    """How long training is.

    Attributes:
        by_epoch: whether it is counted in epochs, else in iterations.
        number: of epochs or iterations.
    """

    by_epoch: bool
    number: int


def migrate_length(top: Section) -> Length:
    """Return how long training is.

    Raises:
        ConfigError: the config does not say.
    """
    runner = top.part('runner')
    iterations = runner.take('max_iters', top.take('total_iters'))  # older configs say it beside the runner
    epochs = runner.take('max_epochs', top.take('total_epochs'))
    name = runner.take('type', 'IterBasedRunner')
    runner.close()
    if name not in ('IterBasedRunner', 'EpochBasedRunner'):
        top.report.chose('runner.type', f'the loops of 1.x: {name} is not known')
    by_epoch = iterations is None
    count = epochs if by_epoch else iterations
    if count is None:
        raise ConfigError('the config does not say how long to train: give runner=dict(max_iters=N) or max_epochs=N')
    return Length(by_epoch, int(count))


def migrate_schedule(top: Section, length: Length) -> list[dict[str, Any]]:
    """Return the schedulers of the learning rate, which give the same rate at every step.

    Raises:
        ConfigError: the policy lacks a setting that it cannot do without.
    """
    section = top.part('lr_config', {'policy': 'fixed'})
    policy = section.take('policy')
    by_epoch = bool(section.take('by_epoch', length.by_epoch))  # the default of either runner of 0.x
    warmup = _warmup(section, length)
    decay = section.take_given(*DECAYS.get(policy, ()))
    missing = {'step': 'step', 'exp': 'gamma'}.get(policy)
    if missing is not None and missing not in decay:
        raise ConfigError(f'lr_config of policy {policy!r} has no {missing}: mmcv 1 needs it, so add it')
    unknown = f'policy {policy!r}' if policy not in DECAYS else None
    if unknown is None and policy != 'fixed' and by_epoch and not length.by_epoch:
        unknown = f'{policy!r} by epochs in a training of iterations'
    if unknown is not None:
        section.rest()
        top.report.dropped('lr_config', f'{unknown}: constant after warm-up; write param_scheduler yourself')
        policy, decay = 'fixed', {}
    section.close()
    # The floor of a scheduler of 1.x is not multiplied by another one, and its epochs end one step early in iterations.
    has_floor = bool(decay.get('min_lr') or decay.get('min_lr_ratio'))
    in_iterations = policy in ('poly', 'CosineAnnealing') and length.by_epoch and not by_epoch
    odd_warmup = bool(warmup) and (warmup['warmup_by_epoch'] or warmup['warmup'] == 'exp')
    if odd_warmup or in_iterations or (has_floor and (warmup or policy == 'step')):
        unit = {'by_epoch': True, 'convert_to_iter_based': True} if length.by_epoch else {'by_epoch': False}
        progress = {'length': length.number, 'decay_by_epoch': by_epoch and length.by_epoch}
        return [{'type': 'MmcvLR', 'policy': policy, 'decay': decay, **progress, **warmup, **unit}]
    return [*_multiplier(warmup), *_decay(policy, decay, length=length, by_epoch=by_epoch)]


def _warmup(section: Section, length: Length) -> dict[str, Any]:
    """Return the settings of the warm-up by mmcv's names, empty where there is none."""
    kind, steps = section.take('warmup'), section.take('warmup_iters', 0)
    ratio, by_epoch = section.take('warmup_ratio', 0.1), bool(section.take('warmup_by_epoch', False))
    if kind is None or not steps:
        return {}
    if by_epoch and not length.by_epoch:
        section.report.dropped('lr_config.warmup_by_epoch', 'warm-up by epochs in a training of iterations: none')
        return {}
    if kind not in WARMUPS:
        raise ConfigError(f'lr_config.warmup is {kind!r}: mmcv 1 has {", ".join(WARMUPS)}')
    return {'warmup': kind, 'warmup_iters': steps, 'warmup_ratio': ratio, 'warmup_by_epoch': by_epoch}


def _multiplier(warmup: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scheduler of 1.x that multiplies the rate of another one at the start."""
    if not warmup:
        return []
    span = {'begin': 0, 'end': warmup['warmup_iters'] + 1, 'by_epoch': False}
    if warmup['warmup'] == 'constant':
        return [{'type': 'ConstantLR', 'factor': warmup['warmup_ratio'], **span}]
    return [{'type': 'LinearLR', 'start_factor': warmup['warmup_ratio'], **span}]


def _decay(policy: str, settings: dict[str, Any], *, length: Length, by_epoch: bool) -> list[dict[str, Any]]:
    """Return the scheduler of 1.x for a policy of 0.x, none where the rate is constant.

    A ``PolyLR`` from 0 to n of 1.x reaches its end one step before 0.x did, so n + 1 stands where 0.x had n.
    """
    span = {'begin': 0, 'end': length.number + 1, 'by_epoch': by_epoch}
    gamma = settings.get('gamma', 0.1)
    match policy:
        case 'poly':
            kept = {'power': settings.get('power', 1.0), 'eta_min': settings.get('min_lr', 0.0)}
            return [{'type': 'PolyLR', **kept, **span}]
        case 'CosineAnnealing':
            names = {'min_lr': 'eta_min', 'min_lr_ratio': 'eta_min_ratio'}
            floor = {names[key]: value for key, value in settings.items()}
            return [{'type': 'CosineAnnealingLR', 'T_max': length.number, **floor, **span}]
        case 'step' if isinstance(settings['step'], int):
            return [{'type': 'StepLR', 'step_size': settings['step'], 'gamma': gamma, 'by_epoch': by_epoch}]
        case 'step':
            return [{'type': 'MultiStepLR', 'milestones': list(settings['step']), 'gamma': gamma, 'by_epoch': by_epoch}]
        case 'exp':
            return [{'type': 'ExponentialLR', 'gamma': gamma, 'by_epoch': by_epoch}]
    return []
