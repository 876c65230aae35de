"""One data set: its class, its classes, its places and its pipeline."""

from typing import Any

from mmseg.registry import DATASETS

from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.pipelines import Pipeline, migrate_testing, migrate_training
from mmseg_aux_hrnet.exchange.migration.registered import find, foreign_arguments
from mmseg_aux_hrnet.exchange.migration.report import Report, Section, shown
from mmseg_aux_hrnet.exchange.migration.transforms import LABELS, backend_args, migrate_step
from mmseg_aux_hrnet.files.names import portable

PLAIN = 'BaseSegDataset'
ENDINGS = {'img_suffix': '.jpg', 'seg_map_suffix': '.png'}  # of PLAIN


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
    new |= _places(section)
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
    for key in foreign_arguments(_class(new['type']), extra):
        report.dropped(section.where(key), f'{shown(extra.pop(key))}: {new["type"]} has no such argument')
    new |= extra
    new['pipeline'] = pipeline.steps
    return (new if training else {**new, 'test_mode': True}), pipeline


def _class(name: str) -> type:
    cls = find(DATASETS, name)
    assert cls is not None, name  # registered, or PLAIN
    return cls


def _of_classes(section: Section) -> dict[str, Any]:
    """Return type and metainfo of the data set.

    Raises:
        ConfigError: see :func:`migrate_data_set`.
    """
    name = section.take('type')
    metainfo = section.take_given('classes', 'palette')
    cls = find(DATASETS, name)
    if cls is not None and issubclass(cls, ListedDataset):
        if section.has('split'):
            section.report.chose(f'{section.place}.label_format', "'index': 0.x took values of label files as they are")
            return {'type': name, **_given(metainfo), 'label_format': 'index'}
        metainfo = {**cls.METAINFO, **metainfo}
        why = f'as 0.x without a list: {name} reads one, which split.py writes'
        section.report.chose(section.place, f'{PLAIN}, {why}{_endings(section)}')
    elif cls is not None:
        return {'type': name, **_given(metainfo)}
    elif 'classes' not in metainfo:
        raise ConfigError(
            f'{section.place}: {name} is not registered in 1.x and the config does not name its classes: add '
            "classes=('background', ...) and palette=[[0, 0, 0], ...] to it, or import the class by custom_imports"
        )
    elif name != 'CustomDataset':
        why = f'{name} is not registered in 1.x'
        section.report.chose(section.place, f'{PLAIN} with its classes, {why}{_endings(section)}')
    return {'type': PLAIN, **_given(metainfo)}


def _endings(section: Section) -> str:
    """Return what to say of the endings of file names, which a class of 0.x may have had of its own."""
    unsaid = [f'{key} {end}' for key, end in ENDINGS.items() if not section.has(key)]
    return f'; not in the config and so taken: {" and ".join(unsaid)}' if unsaid else ''


def _given(metainfo: dict[str, Any]) -> dict[str, Any]:
    return {'metainfo': metainfo} if metainfo else {}


def _places(section: Section) -> dict[str, Any]:
    """Return where images, labels and the list are, with the separators that every system reads."""
    new: dict[str, Any] = {}
    root, split = section.take('data_root'), section.take('split')
    if root:
        new['data_root'] = portable(root)
    folders = {'img_path': section.take('img_dir'), 'seg_map_path': section.take('ann_dir')}
    new['data_prefix'] = {name: portable(folder) for name, folder in folders.items() if folder}
    if split:
        new['ann_file'] = portable(split)
    new |= section.take_given('img_suffix', 'seg_map_suffix', 'ignore_index')
    return {**new, **backend_args(section.take('file_client_args'))}
