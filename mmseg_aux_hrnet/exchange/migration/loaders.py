"""The data of all parts: data sets, loaders and evaluators."""

from collections.abc import Iterator
from typing import Any

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.data_set import PLAIN, migrate_data_set
from mmseg_aux_hrnet.exchange.migration.model import migrate_preprocessor
from mmseg_aux_hrnet.exchange.migration.pipelines import Pipeline, migrate_training
from mmseg_aux_hrnet.exchange.migration.report import Report, Section
from mmseg_aux_hrnet.exchange.migration.schedule import Length
from mmseg_aux_hrnet.exchange.migration.transforms import PACK, Step

FOLDERS = ('img_dir', 'ann_dir', 'split')


class DataPart:
    """One of ``data.train``, ``data.val`` and ``data.test``.

    Args:
        old: a data set of 0.x, or a list of them.
        place: its name in the old config.
        training: whether it trains, else it tests.
        seen: pipelines of 1.x by their text; equal ones become one object, which a config file writes once.
        report: gets the notes.

    Attributes:
        dataset: the data set of 1.x.
        pipelines: those of its parts, in order.

    Raises:
        ConfigError: see :func:`~mmseg_aux_hrnet.migration.data_set.migrate_data_set`.
    """

    def __init__(self, old: Any, *, place: str, training: bool, seen: dict[str, list[Step]], report: Report) -> None:
        self.training = training
        self.seen = seen
        self.report = report
        self.pipelines: list[Pipeline] = []
        self.dataset = self._migrated(old, place=place)

    @property
    def ignore_index(self) -> int:
        """Label of the pixels that do not count, in the first data set."""
        return int(next(self.leaves()).get('ignore_index', 255))

    def leaves(self) -> Iterator[dict[str, Any]]:
        """Yield the data sets that read files, from below those that join, repeat or mix them."""
        parts = [self.dataset]
        while parts:
            part = parts.pop(0)
            below = part.get('datasets') or [part[key] for key in ('dataset',) if key in part]
            if not below:
                yield part
            parts = [*below, *parts]

    def _migrated(self, old: Any, *, place: str) -> dict[str, Any]:
        if isinstance(old, (list, tuple)):
            parts = [self._migrated(part, place=f'{place}[{index}]') for index, part in enumerate(old)]
            return {'type': 'ConcatDataset', 'datasets': parts}
        section = Section(old, place=place, report=self.report)
        section.drop('separate_eval', why='all parts are measured together')
        if 'datasets' in section:
            new = self._migrated(section.take('datasets'), place=f'{place}.datasets')
        elif 'dataset' in section:
            new = {'type': section.take('type')}
            new['dataset'] = self._migrated(section.take('dataset'), place=f'{place}.dataset')
            new |= section.take_given('times', 'skip_type_keys')
            new |= self._mixing(section)
        else:
            return self._of_folders(section)
        section.take('type')
        section.close()
        return new

    def _mixing(self, section: Section) -> dict[str, Any]:
        """Return the pipeline of what mixes images of the data set that it wraps."""
        pipeline = section.take('pipeline')
        if pipeline is None:
            return {}
        new = migrate_training(pipeline, place=f'{section.place}.pipeline', report=self.report)
        return {'pipeline': self._noted(new)}

    def _noted(self, pipeline: Pipeline) -> list[Step]:
        steps = self.seen.setdefault(repr(pipeline.steps), pipeline.steps)
        self.pipelines.append(pipeline._replace(steps=steps))
        return steps

    def _of_folders(self, section: Section) -> dict[str, Any]:
        """Return the data set of one folder, or where folders or lists are several, of all of them."""
        folders = {key: section.take(key) for key in FOLDERS}
        count = max(len(value) if isinstance(value, (list, tuple)) else 1 for value in folders.values())
        shared = section.rest()
        parts = []
        for index in range(count):
            own = {key: value[index] if isinstance(value, (list, tuple)) else value for key, value in folders.items()}
            dataset, pipeline = migrate_data_set(
                {**shared, **own}, place=section.place, training=self.training, report=self.report
            )
            parts.append({**dataset, 'pipeline': self._noted(pipeline)})
        return parts[0] if count == 1 else {'type': 'ConcatDataset', 'datasets': parts}


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
