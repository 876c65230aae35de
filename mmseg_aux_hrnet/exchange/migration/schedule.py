"""Length of training and learning rate, to the same value at every step."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.report import Section

Scheduler = dict[str, Any]


class Length(NamedTuple):
    """How long training is.

    Attributes:
        by_epoch: whether it is counted in epochs, else in iterations.
        number: of epochs or iterations.
    """

    by_epoch: bool
    number: int

    @property
    def unit(self) -> str:
        """Name of what is counted."""
        return 'epochs' if self.by_epoch else 'iters'


def migrate_length(top: Section) -> Length:
    """Return how long training is.

    Raises:
        ConfigError: the config does not say.
    """
    runner = Section(top.take('runner') or {}, place='runner', report=top.report)
    older = {'max_iters': top.take('total_iters'), 'max_epochs': top.take('total_epochs')}
    given = {key: runner.take(key, older[key]) for key in older}
    name = runner.take('type', 'IterBasedRunner')
    runner.close()
    if name not in ('IterBasedRunner', 'EpochBasedRunner'):
        top.report.chose('runner.type', f'the loops of 1.x: {name} is not known')
    by_epoch = given['max_iters'] is None
    count = given['max_epochs' if by_epoch else 'max_iters']
    if count is None:
        raise ConfigError('the config does not say how long to train: give runner=dict(max_iters=N) or max_epochs=N')
    return Length(by_epoch, int(count))


def migrate_schedule(top: Section, length: Length) -> list[Scheduler]:
    """Return the schedulers of the learning rate.

    A ``PolyLR`` from 0 to n of 1.x reaches its end one step before 0.x did, so n + 1 stands where 0.x had n.
    """
    report = top.report
    section = Section(top.take('lr_config') or {'policy': 'fixed'}, place='lr_config', report=report)
    policy = section.take('policy')
    by_epoch = bool(section.take('by_epoch', length.by_epoch))  # the default of either runner of 0.x
    warmup = _warmup(section, length)
    convert = POLICIES.get(policy)
    if convert is None:
        report.dropped('lr_config', f'policy {policy!r}: constant after warm-up; write param_scheduler yourself')
        section.rest()
        return warmup
    if by_epoch and not length.by_epoch and policy != 'fixed':
        report.dropped(
            'lr_config', f'{policy!r} by epochs in a training of iterations: constant; write param_scheduler yourself'
        )
        section.rest()
        return warmup
    schedulers = convert(section, _span(by_epoch, length))
    section.close()
    return [*warmup, *schedulers]


def _span(by_epoch: bool, length: Length) -> dict[str, Any]:
    """Return over which steps a rate decays."""
    if by_epoch == length.by_epoch:
        return {'begin': 0, 'end': length.number + 1, 'by_epoch': by_epoch}
    return {'begin': 0, 'end': length.number, 'by_epoch': True, 'convert_to_iter_based': True}  # no + 1: it is an epoch


def _poly(section: Section, span: dict[str, Any]) -> list[Scheduler]:
    return [{'type': 'PolyLR', 'power': section.take('power', 1.0), 'eta_min': section.take('min_lr', 0.0), **span}]


def _cosine(section: Section, span: dict[str, Any]) -> list[Scheduler]:
    low, ratio = section.take('min_lr'), section.take('min_lr_ratio')
    floor = {'eta_min_ratio': ratio} if low is None else {'eta_min': low}
    end = span['end'] if span.get('convert_to_iter_based') else span['end'] - 1
    return [{'type': 'CosineAnnealingLR', 'T_max': end, **floor, **span}]


def _steps(section: Section, span: dict[str, Any]) -> list[Scheduler]:
    steps, gamma = section.take('step'), section.take('gamma', 0.1)
    section.drop('min_lr', why='steps of 1.x have no floor')
    by_epoch = span['by_epoch'] and not span.get('convert_to_iter_based')
    if isinstance(steps, int):
        return [{'type': 'StepLR', 'step_size': steps, 'gamma': gamma, 'by_epoch': by_epoch}]
    return [{'type': 'MultiStepLR', 'milestones': list(steps), 'gamma': gamma, 'by_epoch': by_epoch}]


def _exponential(section: Section, span: dict[str, Any]) -> list[Scheduler]:
    by_epoch = span['by_epoch'] and not span.get('convert_to_iter_based')
    return [{'type': 'ExponentialLR', 'gamma': section.take('gamma'), 'by_epoch': by_epoch}]


def _fixed(section: Section, span: dict[str, Any]) -> list[Scheduler]:
    return []


POLICIES: dict[Any, Callable[[Section, dict[str, Any]], list[Scheduler]]] = {
    'poly': _poly,
    'CosineAnnealing': _cosine,
    'step': _steps,
    'exp': _exponential,
    'fixed': _fixed,
}


def _warmup(section: Section, length: Length) -> list[Scheduler]:
    """Return the scheduler that multiplies the others at the start."""
    kind, steps = section.take('warmup'), section.take('warmup_iters', 0)
    ratio, by_epoch = section.take('warmup_ratio', 0.1), section.take('warmup_by_epoch', False)
    if kind is None or not steps:
        return []
    if by_epoch and not length.by_epoch:
        section.report.dropped('lr_config.warmup_by_epoch', 'warm-up by epochs in a training of iterations: none')
        return []
    if kind not in ('linear', 'constant'):
        section.report.chose('lr_config.warmup', f"'linear': 1.x has no warm-up {kind!r}")
    span = _span(False, length) if by_epoch else {'begin': 0, 'by_epoch': False}
    span['end'] = steps if by_epoch else steps + 1
    if kind == 'constant':
        return [{'type': 'ConstantLR', 'factor': ratio, **span}]
    return [{'type': 'LinearLR', 'start_factor': ratio, **span}]


HALF_PRECISION_HOOKS = ('Fp16OptimizerHook', 'GradientCumulativeFp16OptimizerHook')
CONSTRUCTORS = {'DefaultOptimizerConstructor': 'DefaultOptimWrapperConstructor'}


def migrate_optimizer(top: Section) -> dict[str, Any]:
    """Return the ``optim_wrapper``.

    Raises:
        ConfigError: there are several optimizers.
    """
    optimizer = Section(top.take('optimizer'), place='optimizer', report=top.report)
    if 'type' not in optimizer:
        raise ConfigError('optimizer has no type: give one optimizer, such as dict(type="SGD", lr=0.01)')
    around = optimizer.take_given('paramwise_cfg')
    constructor = optimizer.take('constructor')
    if constructor is not None:
        around['constructor'] = CONSTRUCTORS.get(constructor, constructor)
    wrapper: dict[str, Any] = {'type': 'OptimWrapper', 'optimizer': optimizer.rest(), **around}
    return wrapper | _accumulated_steps(top)


def _accumulated_steps(top: Section) -> dict[str, Any]:
    """Return clipping, accumulation and precision."""
    hook = Section(top.take('optimizer_config') or {}, place='optimizer_config', report=top.report)
    half = top.take('fp16')
    new: dict[str, Any] = {}
    clip, count = hook.take('grad_clip'), hook.take('cumulative_iters')
    if clip is not None:
        new['clip_grad'] = dict(clip)
    if count is not None:
        new['accumulative_counts'] = count
    if hook.take('type') in HALF_PRECISION_HOOKS or half is not None:
        new['type'] = 'AmpOptimWrapper'
        scale = hook.take('loss_scale', (half or {}).get('loss_scale'))
        new |= {} if scale is None else {'loss_scale': scale}
        top.report.chose('fp16', "AmpOptimWrapper, by torch's autocast; it needs a GPU")
    hook.drop('coalesce', 'bucket_size_mb', 'distributed', why='torch exchanges gradients by itself')
    hook.close()
    return new
