"""A whole config of 0.x to one of 1.x."""

from typing import Any

from mmseg_aux_hrnet.migration.evaluation import Validation
from mmseg_aux_hrnet.migration.loaders import Data
from mmseg_aux_hrnet.migration.model import migrate_model
from mmseg_aux_hrnet.migration.optimizer import migrate_optimizer
from mmseg_aux_hrnet.migration.report import Report, Section, shown
from mmseg_aux_hrnet.migration.runtime import migrate_environment, migrate_hooks, migrate_loops
from mmseg_aux_hrnet.migration.schedule import migrate_length, migrate_schedule

# What configs build other values from; those are where they were used.
HELPERS = ('dataset_type', 'img_norm_cfg', 'train_pipeline', 'val_pipeline', 'test_pipeline', 'norm_cfg')
# What mmengine's runner reads though no config of 0.x says it.
RUNNER_SETTINGS = ('auto_scale_lr', 'compile', 'data_preprocessor', 'experiment_name', 'launcher', 'model_wrapper_cfg')
MODEL_SETTINGS = ('train_cfg', 'test_cfg')  # beside the model in early versions of 0.x


def migrate(old: dict[str, Any], *, report: Report) -> dict[str, Any]:
    """Return the config of 1.x that trains and tests as ``old`` did.

    Args:
        old: a config of 0.x, plain values.
        report: gets notes of all that is not as it was.

    Raises:
        ConfigError: a part is missing or has no counterpart in 1.x.
    """
    top = Section(old, place='', report=report)
    length = migrate_length(top)
    data = Data(top.take('data'), length=length, report=report)
    validation = Validation(top.take('evaluation') or {}, report=report)
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
    return {**_variables(top, taken=new), **new}


def _variables(top: Section, *, taken: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of the config that are no settings of 0.x; they are left as they are."""
    for key in HELPERS:
        top.take(key)
    kept = {}
    for key, value in top.rest().items():
        if key in (*taken, *RUNNER_SETTINGS):
            top.report.dropped(key, f'{shown(value)}: it means something else in 1.x')
        else:
            top.report.kept(key, shown(value))
            kept[key] = value
    return kept
