"""The data of all parts: data sets, loaders and evaluators."""

from typing import Any

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.migration.data import DataPart
from mmseg_aux_hrnet.migration.data_set import PLAIN
from mmseg_aux_hrnet.migration.preprocessor import migrate_preprocessor
from mmseg_aux_hrnet.migration.report import Report, Section
from mmseg_aux_hrnet.migration.schedule import Length
from mmseg_aux_hrnet.migration.transforms import PACK, Step

PARTS = ('train', 'val', 'test')
SETTINGS = {'samples_per_gpu': 'batch_size', 'workers_per_gpu': 'num_workers'}
KEPT_SETTINGS = ('persistent_workers', 'pin_memory', 'drop_last', 'prefetch_factor')


class Data:
    """What ``data`` of 0.x has become.

    Args:
        old: ``data`` of 0.x.
        length: how long training is, which decides the sampler.
        report: gets the notes.

    Attributes:
        batch_size: training images of a batch on each device.
        preprocessor: the model's ``data_preprocessor``.
        variables: ``data_preprocessor`` aside, what the new config has at its top level.

    Raises:
        ConfigError: training data are missing, or both validation and test data.
    """

    def __init__(self, old: dict[str, Any], *, length: Length, report: Report) -> None:
        section = Section(old, place='data', report=report)
        parts = _parts(section, report=report)
        _agree_on_zero_label(parts, report=report)
        loaders = _loaders(section, parts, length=length, report=report)
        self.batch_size: int = loaders['train_dataloader']['batch_size']
        self.preprocessor = _preprocessor(parts, report=report)
        self.variables = {**_pipelines(parts), **loaders, **_evaluators(parts)}
        section.close()


def _parts(section: Section, *, report: Report) -> dict[str, DataPart]:
    """Return the parts by name; validation stands in for tests, and tests for validation."""
    given = {name: section.take(name) for name in PARTS}
    seen: dict[str, list[Step]] = {}
    parts = {
        name: DataPart(old, place=f'data.{name}', training=name == 'train', seen=seen, report=report)
        for name, old in given.items()
        if old is not None
    }
    if 'train' not in parts or len(parts) == 1:
        raise ConfigError(f'data has {" and ".join(parts) or "no data set"} only: give train, and val or test')
    for name, other in (('val', 'test'), ('test', 'val')):
        if name not in parts:
            report.chose(f'data.{name}', f'data.{other}: the config has none')
            parts[name] = parts[other]
    return parts


def _agree_on_zero_label(parts: dict[str, DataPart], *, report: Report) -> None:
    """Have tests ignore the first class where training does and nobody says what tests do."""
    if not any(leaf.get('reduce_zero_label') for leaf in parts['train'].leaves()):
        return
    for name in ('val', 'test'):
        for leaf in parts[name].leaves():
            if leaf['type'] == PLAIN and 'reduce_zero_label' not in leaf:
                leaf['reduce_zero_label'] = True
                report.chose(f'data.{name}.reduce_zero_label', 'True, as in training; the old class may have said so')


def _preprocessor(parts: dict[str, DataPart], *, report: Report) -> dict[str, Any]:
    training = [pipeline for pipeline in parts['train'].pipelines if PACK in pipeline.steps]
    testing = [pipeline for name in ('val', 'test') for pipeline in parts[name].pipelines]
    return migrate_preprocessor(training, testing, report=report)


def _pipelines(parts: dict[str, DataPart]) -> dict[str, Any]:
    """Return the pipelines that stand at the top level: 1.x predicts single images by ``test_pipeline``."""
    test = parts['test'].pipelines[0]
    new = {'train_pipeline': parts['train'].pipelines[-1].steps, 'test_pipeline': test.steps}
    return {**new, 'tta_pipeline': test.averaged} if test.averaged else new


def _loaders(section: Section, parts: dict[str, DataPart], *, length: Length, report: Report) -> dict[str, Any]:
    common = _settings(section)
    new = {}
    for name in PARTS:
        training = name == 'train'
        own = Section(section.take(f'{name}_dataloader') or {}, place=f'data.{name}_dataloader', report=report)
        settings = {'batch_size': 1, 'num_workers': 2, **common, **({} if training else {'batch_size': 1})}
        settings |= _settings(own)
        own.close()
        settings.setdefault('persistent_workers', settings['num_workers'] > 0)
        if training and length.by_epoch:
            settings.setdefault('drop_last', True)  # as 0.x's training did
        sampler = {'type': 'DefaultSampler', 'shuffle': False}
        if training:
            sampler = {'type': 'ExactSampler' if length.by_epoch else 'ExactInfiniteSampler', 'shuffle': True}
        new[f'{name}_dataloader'] = {**settings, 'sampler': sampler, 'dataset': parts[name].dataset}
    return new


def _settings(section: Section) -> dict[str, Any]:
    """Return the settings of a loader under their new names."""
    renamed = {SETTINGS[key]: value for key, value in section.take_given(*SETTINGS).items()}
    section.drop('shuffle', 'seed', 'dist', 'num_gpus', why='the sampler of 1.x sees to it')
    return {**renamed, **section.take_given(*KEPT_SETTINGS)}


def _evaluators(parts: dict[str, DataPart]) -> dict[str, Any]:
    return {f'{name}_evaluator': _evaluator(parts[name].ignore_index) for name in ('val', 'test')}


def _evaluator(ignore_index: int) -> dict[str, Any]:
    new: dict[str, Any] = {'type': 'ConfusionMetric'}
    return new if ignore_index == 255 else {**new, 'ignore_index': ignore_index}
