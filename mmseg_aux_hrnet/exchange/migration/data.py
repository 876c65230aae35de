"""The data: data sets with their classes, places and pipelines, their loaders, and what measures them."""

from collections.abc import Iterator
from typing import Any

from mmseg.registry import DATASETS

from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.model import migrate_preprocessor
from mmseg_aux_hrnet.exchange.migration.pipelines import (
    LABELS,
    PACK,
    Pipeline,
    Step,
    backend_args,
    migrate_step,
    migrate_testing,
    migrate_training,
)
from mmseg_aux_hrnet.exchange.migration.report import Report, Section, foreign_arguments, known_class, shown
from mmseg_aux_hrnet.exchange.migration.schedule import Length
from mmseg_aux_hrnet.files.names import portable

PLAIN = 'BaseSegDataset'
ENDINGS = {'img_suffix': '.jpg', 'seg_map_suffix': '.png'}  # of PLAIN
FOLDERS = ('img_dir', 'ann_dir', 'split')
PARTS = ('train', 'val', 'test')
SETTINGS = {'samples_per_gpu': 'batch_size', 'workers_per_gpu': 'num_workers'}
KEPT_SETTINGS = ('persistent_workers', 'pin_memory', 'drop_last', 'prefetch_factor')


class Data:
    """What ``data`` of 0.x has become.

    Args:
        section: ``data`` of 0.x.
        length: how long training is, which decides the sampler.

    Attributes:
        batch_size: training images of a batch on each device.
        preprocessor: the model's ``data_preprocessor``.
        variables: ``data_preprocessor`` aside, what the new config has at its top level.

    Raises:
        ConfigError: training data are missing, or both validation and test data.
    """

    def __init__(self, section: Section, *, length: Length) -> None:
        report = section.report
        parts = _parts(section)
        if any(leaf.get('reduce_zero_label') for leaf in parts['train'].leaves()):
            # Tests ignore the first class where training does, unless the config says what tests do.
            for place, leaf in ((name, leaf) for name in ('val', 'test') for leaf in parts[name].leaves()):
                if leaf['type'] == PLAIN and 'reduce_zero_label' not in leaf:
                    leaf['reduce_zero_label'] = True
                    why = 'True, as in training; the old class may have said so'
                    report.chose(f'data.{place}.reduce_zero_label', why)
        loaders = _loaders(section, parts, length=length)
        self.batch_size: int = loaders['train_dataloader']['batch_size']
        self.preprocessor = migrate_preprocessor(
            [pipeline for pipeline in parts['train'].pipelines if PACK in pipeline.steps],
            [pipeline for name in ('val', 'test') for pipeline in parts[name].pipelines],
            report=report,
        )
        # At the top level too: 1.x predicts single images by ``test_pipeline``.
        test = parts['test'].pipelines[0]
        self.variables: dict[str, Any] = {'train_pipeline': parts['train'].pipelines[-1].steps}
        self.variables |= {'test_pipeline': test.steps, **({'tta_pipeline': test.averaged} if test.averaged else {})}
        self.variables |= loaders
        for name in ('val', 'test'):
            ignored = next(parts[name].leaves()).get('ignore_index', 255)
            ignoring = {} if ignored == 255 else {'ignore_index': int(ignored)}
            self.variables[f'{name}_evaluator'] = {'type': 'ConfusionMetric', **ignoring}
        section.close()


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
        ConfigError: see :func:`migrate_data_set`.
    """

    def __init__(self, old: Any, *, place: str, training: bool, seen: dict[str, list[Step]], report: Report) -> None:
        self.training = training
        self.seen = seen
        self.report = report
        self.pipelines: list[Pipeline] = []
        self.dataset = self._migrated(old, place=place)

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
            mixing = section.take('pipeline')  # of what mixes images of the data set that it wraps
            if mixing is not None:
                pipeline = migrate_training(mixing, place=f'{place}.pipeline', report=self.report)
                new['pipeline'] = self._shared(pipeline)
        else:
            return self._of_folders(section)
        section.take('type')
        section.close()
        return new

    def _shared(self, pipeline: Pipeline) -> list[Step]:
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
            # What is not a list is shared, as one list of names is by several folders.
            own = {key: value[index] if isinstance(value, (list, tuple)) else value for key, value in folders.items()}
            dataset, pipeline = migrate_data_set(
                {**shared, **own}, place=section.place, training=self.training, report=self.report
            )
            parts.append({**dataset, 'pipeline': self._shared(pipeline)})
        return parts[0] if count == 1 else {'type': 'ConcatDataset', 'datasets': parts}


def _parts(section: Section) -> dict[str, DataPart]:
    """Return the parts by name; validation stands in for tests, and tests for validation."""
    given = {name: section.take(name) for name in PARTS}
    seen: dict[str, list[Step]] = {}
    parts = {
        name: DataPart(old, place=f'data.{name}', training=name == 'train', seen=seen, report=section.report)
        for name, old in given.items()
        if old is not None
    }
    if 'train' not in parts or len(parts) == 1:
        raise ConfigError(f'data has {" and ".join(parts) or "no data set"} only: give train, and val or test')
    for name, other in (('val', 'test'), ('test', 'val')):
        if name not in parts:
            section.report.chose(f'data.{name}', f'data.{other}: the config has none')
            parts[name] = parts[other]
    return parts


def _loaders(section: Section, parts: dict[str, DataPart], *, length: Length) -> dict[str, Any]:
    common = _settings(section)
    new = {}
    for name in PARTS:
        training = name == 'train'
        own = section.part(f'{name}_dataloader')
        # Tests of 0.x took one image at a time, whatever samples_per_gpu was; their own loader may set another number.
        settings = {'batch_size': 1, 'num_workers': 2, **common, **({} if training else {'batch_size': 1})}
        settings |= _settings(own)
        own.close()
        settings.setdefault('persistent_workers', settings['num_workers'] > 0)
        if training and length.by_epoch:
            settings.setdefault('drop_last', True)  # as 0.x's training did
        sampler = {'type': 'DefaultSampler', 'shuffle': False}
        if training:
            # Samplers of mmengine begin anew when a run is resumed; the exact ones continue where it stopped.
            sampler = {'type': 'ExactSampler' if length.by_epoch else 'ExactInfiniteSampler', 'shuffle': True}
        new[f'{name}_dataloader'] = {**settings, 'sampler': sampler, 'dataset': parts[name].dataset}
    return new


def _settings(section: Section) -> dict[str, Any]:
    """Return the settings of a loader under their new names."""
    renamed = {SETTINGS[key]: value for key, value in section.take_given(*SETTINGS).items()}
    section.drop('shuffle', 'seed', 'dist', 'num_gpus', why='the sampler of 1.x sees to it')
    return {**renamed, **section.take_given(*KEPT_SETTINGS)}


def migrate_data_set(
    old: dict[str, Any], *, place: str, training: bool, report: Report
) -> tuple[dict[str, Any], Pipeline]:
    """Return a data set of 1.x and its pipeline.

    Args:
        old: a data set of 0.x that reads one folder.
        place: its name in the old config.
        training: whether it trains, else it tests.
        report: gets the notes.

    Raises:
        ConfigError: its class is not known in 1.x and its classes are not in the config.
    """
    section = Section(old, place=place, report=report)
    new = _of_classes(section)
    # Separators are those that every system reads: old configs were also written on Windows.
    root, split = section.take('data_root'), section.take('split')
    new |= {'data_root': portable(root)} if root else {}
    folders = {'img_path': section.take('img_dir'), 'seg_map_path': section.take('ann_dir')}
    new['data_prefix'] = {name: portable(folder) for name, folder in folders.items() if folder}
    new |= {'ann_file': portable(split)} if split else {}
    new |= section.take_given('img_suffix', 'seg_map_suffix', 'ignore_index')
    new |= backend_args(section.take('file_client_args'))
    section.take('test_mode')
    old_steps = section.take('pipeline') or []
    load_labels = {**LABELS, **(section.take('gt_seg_map_loader_cfg') or {})}  # which 0.x measured by
    if training:
        pipeline = migrate_training(old_steps, place=f'{place}.pipeline', report=report)
    else:
        has_labels = 'seg_map_path' in new['data_prefix'] or 'label_format' in new
        labels = migrate_step(load_labels, place=place, report=report) if has_labels else None
        pipeline = migrate_testing(old_steps, place=f'{place}.pipeline', labels=labels, report=report)
    if section.take('reduce_zero_label') or any(step.get('reduce_zero_label') for step in (*old_steps, load_labels)):
        new['reduce_zero_label'] = True
    extra = section.rest()
    cls = known_class(DATASETS, new['type'])
    assert cls is not None, new['type']  # registered, or PLAIN
    # What a class of the user takes is kept; classes of mmseg would refuse any other argument when training starts.
    for key in foreign_arguments(cls, extra):
        report.dropped(section.where(key), f'{shown(extra.pop(key))}: {new["type"]} has no such argument')
    new |= {**extra, 'pipeline': pipeline.steps}
    return (new if training else {**new, 'test_mode': True}), pipeline


def _of_classes(section: Section) -> dict[str, Any]:
    """Return type and metainfo of the data set.

    Raises:
        ConfigError: see :func:`migrate_data_set`.
    """
    name = section.take('type')
    metainfo = section.take_given('classes', 'palette')
    cls = known_class(DATASETS, name)
    new: dict[str, Any] = {'type': PLAIN if cls is None else name}
    label_format, why = {}, ''
    if cls is not None and issubclass(cls, ListedDataset):
        if section.has('split'):
            section.report.chose(f'{section.place}.label_format', "'index': 0.x took values of label files as they are")
            label_format = {'label_format': 'index'}
        else:
            new['type'] = PLAIN
            metainfo = {**cls.METAINFO, **metainfo}
            why = f'{PLAIN}, as 0.x without a list: {name} reads one, which split.py writes'
    elif cls is None and 'classes' not in metainfo:
        raise ConfigError(
            f'{section.place}: {name} is not registered in 1.x and the config does not name its classes: add '
            "classes=('background', ...) and palette=[[0, 0, 0], ...] to it, or import the class by custom_imports"
        )
    elif cls is None and name != 'CustomDataset':  # the old name of the plain one
        why = f'{PLAIN} with its classes, {name} is not registered in 1.x'
    if why:
        # A class of 0.x may have had endings of file names of its own.
        unsaid = [f'{key} {end}' for key, end in ENDINGS.items() if not section.has(key)]
        endings = f'; not in the config and so taken: {" and ".join(unsaid)}' if unsaid else ''
        section.report.chose(section.place, f'{why}{endings}')
    return {**new, **({'metainfo': metainfo} if metainfo else {}), **label_format}
