"""From a config of MMSegmentation 0.x, or a YAML of the official HRNet code, to one of 1.x.

It reads the file, migrates each part, writes the new file, reads it again and builds it.
"""

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import HOOKS, METRICS, MODELS, PARAM_SCHEDULERS, VISBACKENDS

from mmseg_aux_hrnet.errors import ConfigError, one_line
from mmseg_aux_hrnet.exchange.migration.config_files import config_text, config_values, read_old_config
from mmseg_aux_hrnet.exchange.migration.data import Data
from mmseg_aux_hrnet.exchange.migration.model import migrate_model
from mmseg_aux_hrnet.exchange.migration.official_config import official_config
from mmseg_aux_hrnet.exchange.migration.official_yaml import SUFFIXES, read_official
from mmseg_aux_hrnet.exchange.migration.report import Report, Section, shown
from mmseg_aux_hrnet.exchange.migration.schedule import migrate_length, migrate_schedule
from mmseg_aux_hrnet.exchange.migration.training import (
    Validation,
    migrate_environment,
    migrate_hooks,
    migrate_loops,
    migrate_optimizer,
)
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import write_whole

# What configs build other values from; those are where they were used.
HELPERS = ('dataset_type', 'img_norm_cfg', 'train_pipeline', 'val_pipeline', 'test_pipeline', 'norm_cfg')
# What mmengine's runner reads though no config of 0.x says it.
RUNNER_SETTINGS = ('auto_scale_lr', 'compile', 'data_preprocessor', 'experiment_name', 'launcher', 'model_wrapper_cfg')
MODEL_SETTINGS = ('train_cfg', 'test_cfg')  # beside the model in early versions of 0.x
EPOCH = 10  # iterations of an epoch, for schedules that are counted in epochs


def migrate_file(old: str | Path, new: str | Path, *, settings: Sequence[str] = (), overwrite: bool) -> Report:
    """Write the config at ``old`` as one of 1.x to ``new``, with notes at its top, and return the notes.

    What is written builds: its model, pipelines, hooks, optimizer and schedule were built once.

    Args:
        old: config of 0.x, with its ``_base_`` files beside it; it is run. Or a YAML of the official HRNet code.
        new: the file to write, whole or not at all.
        settings: of a YAML, values that replace its own, KEY VALUE KEY VALUE.
        overwrite: whether ``new`` may exist.

    Raises:
        ConfigError: ``old`` cannot be read or migrated, or ``new`` cannot be written.
    """
    old, new = Path(old), Path(new)
    if new.suffix != '.py':
        raise ConfigError(f'{new} is not the name of a config: let it end in .py')
    check_file(new, inputs=[old], overwrite=overwrite)
    report = Report()
    official = old.suffix in SUFFIXES
    if settings and not official:
        raise ConfigError(f'{" ".join(settings)}: settings go with a YAML of the official HRNet code, {old} is another')
    values: Any = read_official(old, settings) if official else read_old_config(old, report=report)
    try:
        config = official_config(values, report=report) if official else migrate(values, report=report)
    except ConfigError as error:
        raise ConfigError(f'{old}: {error}') from error
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        near = f' near {report.reading}' if report.reading else ''
        form = 'in the official code' if official else 'in 0.x'
        raise ConfigError(f'{old}: a setting{near} is of another form than {form}: {error!r}') from error
    kind = 'a YAML of the official HRNet code' if official else 'a config of MMSegmentation 0.x'
    first = f'Made from {old.name}, {kind}, by tools/migrate_config.py of mmseg-aux-hrnet.'
    _write(new, config, comments=[first, *report.lines()])
    return report


def _write(new: Path, config: dict[str, Any], *, comments: list[str]) -> None:
    """Write a config that builds.

    Raises:
        ConfigError: it does not build, or cannot be written.
    """
    text = config_text(config, comments=comments)
    # Not under its own name yet, which a config that does not build never gets.
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / 'trial.py'
        trial.write_text(text, encoding='utf-8', newline='\n')
        read = Config.fromfile(trial)
    assert config_values(read.to_dict()) == config_values(config)  # what was written is what was meant
    check_builds(read)
    try:
        write_whole(new, text.encode('utf-8'))
    except OSError as error:
        raise ConfigError(f'{new} cannot be written ({error.strerror}): choose another file') from error


def migrate(old: dict[str, Any], *, report: Report) -> dict[str, Any]:
    """Return the config of 1.x that trains and tests as ``old`` did.

    Args:
        old: a config of 0.x, plain values.
        report: gets notes of all that changes.

    Raises:
        ConfigError: a part is missing or has no counterpart in 1.x.
    """
    top = Section(old, place='', report=report)
    # In this order, which is that of the notes: each takes its settings from the top, and what is left comes last.
    length = migrate_length(top)
    data = Data(top.part('data'), length=length)
    validation = Validation(top.part('evaluation'))
    model = {**top.take_given(*MODEL_SETTINGS), **top.take('model')}
    hooks = migrate_hooks(top, length, validation)
    interval = hooks['default_hooks']['checkpoint']['interval']
    new = {
        **migrate_environment(top),
        'model': migrate_model(model, preprocessor=data.preprocessor, batch_size=data.batch_size, report=report),
        **data.variables,
        'optim_wrapper': migrate_optimizer(top),
        'param_scheduler': migrate_schedule(top, length),
        **migrate_loops(length, validation, checkpoints=interval),
        **hooks,
        'log_processor': {'by_epoch': length.by_epoch},
    }
    # Variables of the config that are not settings of 0.x are left as they are.
    top.drop(*HELPERS, why=None)
    kept = {}
    for key, value in top.rest().items():
        if key in new or key in RUNNER_SETTINGS:
            report.dropped(key, f'{shown(value)}: it means something else in 1.x')
        else:
            report.note('kept', key, shown(value))
            kept[key] = value
    return {**kept, **new}


def check_builds(config: Config) -> None:
    """Build every part of ``config`` that needs no data.

    Raises:
        ConfigError: a part does not build; names it.
    """
    init_default_scope(config.default_scope)
    config = deepcopy(config)  # building changes configs
    with _quiet():
        # Each part is made only when its turn comes, so that an error is about the part that is named.
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
    """Keep messages of mmseg about the start of training from the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        try:
            yield
        finally:
            logging.disable(before)


def _parts(config: Config) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield name and building of every part, each after what it is built over."""
    built: list[Any] = []
    yield 'model', lambda: built.append(MODELS.build(config.model))
    # Half precision is refused where there is no GPU; the other arguments are the same without it.
    settings = {key: value for key, value in config.optim_wrapper.items() if key != 'loss_scale'}
    settings['type'] = 'OptimWrapper'
    yield f'optimizer {settings["optimizer"].type}', lambda: built.append(build_optim_wrapper(built[0], settings))
    for scheduler in config.param_scheduler:
        default = {'optimizer': built[1], 'epoch_length': EPOCH}
        yield f'param_scheduler {scheduler.type}', partial(PARAM_SCHEDULERS.build, scheduler, default_args=default)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for pipeline in _pipelines(config[name].dataset) if config[name] is not None else ():
            yield f'{name}.dataset.pipeline', partial(Compose, pipeline)
    if 'tta_pipeline' in config:
        yield 'tta_pipeline', partial(Compose, config.tta_pipeline)
    for name, hook in (*config.default_hooks.items(), *enumerate(config.custom_hooks)):
        yield f'hook {name}', partial(HOOKS.build, hook)
    for name in ('val_evaluator', 'test_evaluator'):
        if config[name] is not None:
            yield name, partial(METRICS.build, config[name])
    for backend in config.vis_backends:
        # Looked up only: to build one is to open its files or to log in to its service.
        yield f'vis_backends {backend.type}', partial(getattr, VISBACKENDS.get(backend.type), '__name__')


def _pipelines(dataset: Any) -> Iterator[Any]:
    for part in (dataset.get('dataset'), *dataset.get('datasets', ())):
        if part is not None:
            yield from _pipelines(part)
    if 'pipeline' in dataset:
        yield dataset.pipeline
