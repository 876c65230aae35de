"""Builds the parts of a config, so that what does not build is found when it is made and not when it trains."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import HOOKS, METRICS, MODELS, PARAM_SCHEDULERS, VISBACKENDS

from mmseg_aux_hrnet.errors import ConfigError, one_line

EPOCH = 10  # iterations of an epoch, for schedules that are counted in epochs


def check_builds(config: Config) -> None:
    """Build every part of ``config`` that needs no data.

    Raises:
        ConfigError: a part does not build; names it.
    """
    init_default_scope(config.default_scope)
    config = deepcopy(config)  # building changes configs
    with _quiet():
        for place, build in _parts(config):
            try:
                build()
            except Exception as error:  # classes of anybody, with arguments of another version
                raise ConfigError(
                    f'{place} does not build in 1.x ({type(error).__name__}: {one_line(error)}): change it in the old '
                    'config, or port its class to 1.x and name its module in custom_imports, then migrate again'
                ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the screen what mmseg says of every start of training."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        try:
            yield
        finally:
            logging.disable(before)


def _parts(config: Config) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield name and building of every part."""
    yield from _optimization(config)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for pipeline in _pipelines(config[name].dataset):
            yield f'{name}.dataset.pipeline', partial(Compose, pipeline)
    if 'tta_pipeline' in config:
        yield 'tta_pipeline', partial(Compose, config.tta_pipeline)
    for name, hook in (*config.default_hooks.items(), *enumerate(config.custom_hooks)):
        yield f'hook {name}', partial(HOOKS.build, hook)
    for name in ('val_evaluator', 'test_evaluator'):
        yield name, partial(METRICS.build, config[name])
    for backend in config.vis_backends:
        yield f'vis_backends {backend.type}', partial(getattr, VISBACKENDS.get(backend.type), '__name__')


def _pipelines(dataset: Any) -> Iterator[Any]:
    for part in (dataset.get('dataset'), *dataset.get('datasets', ())):
        if part is not None:
            yield from _pipelines(part)
    if 'pipeline' in dataset:
        yield dataset.pipeline


def _optimization(config: Config) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the model, and what is built over it."""
    made: list[Any] = []
    yield 'model', lambda: made.append(MODELS.build(config.model))
    # Half precision is refused where there is no GPU; the other arguments are the same without it.
    settings = {key: value for key, value in config.optim_wrapper.items() if key != 'loss_scale'}
    settings['type'] = 'OptimWrapper'
    yield f'optimizer {settings["optimizer"].type}', lambda: made.append(build_optim_wrapper(made[0], settings))
    for scheduler in config.param_scheduler:
        default = {'optimizer': made[1], 'epoch_length': EPOCH}
        yield f'param_scheduler {scheduler.type}', partial(PARAM_SCHEDULERS.build, scheduler, default_args=default)
