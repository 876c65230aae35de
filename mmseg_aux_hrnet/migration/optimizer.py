"""The optimizer and what is done to its gradients."""

from typing import Any

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.migration.report import Section

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
    return wrapper | _steps(top)


def _steps(top: Section) -> dict[str, Any]:
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
