"""Finds the data sets to examine: those of a config's loaders, or those of a folder of a known layout."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets import description
from mmseg_aux_hrnet.datasets.label_rules import LabelRule, label_rule
from mmseg_aux_hrnet.datasets.label_values import LabelValues
from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.datasets.split_layouts import find_layout
from mmseg_aux_hrnet.datasets.splits import SPLITS
from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, DataError
from mmseg_aux_hrnet.run.config import datasets_of, load_config, parse_options, set_data_root

LOADERS = {'train': 'train_dataloader', 'val': 'val_dataloader', 'test': 'test_dataloader'}
IGNORED = 255  # in the counts, for any value that a data set ignores
UNDIVIDED = 'all'  # the split of a folder that is not divided yet
DATASET_OF = {'singlegreen': 'SingleGreenDataset', 'urbanisation': 'UrbanisationDataset'}


class Reading(NamedTuple):
    """How labels are read, in place of the settings of the data sets.

    Attributes:
        label_formats: the first that reads a label counts; empty for what the data set says.
        label_values: the class of each value; None for what the data set says.
    """

    label_formats: tuple[str, ...] = ()
    label_values: LabelValues | None = None


AS_SAID = Reading()


class DataSource(NamedTuple):
    """One data set of one split.

    Attributes:
        split: ``train``, ``val``, ``test``, or ``all`` for a folder that is not divided.
        dataset: the data set as mmseg has it, without its files.
        settings: its settings, from which training builds it.
        rules: how its labels are read; the first rule that reads a label counts.
        class_of: class of every value that the rules give, uint8 (256,); 255 where it is not a class or is ignored.
        listed: whether its list is there; without it, all files of its folders belong to it.
    """

    split: str
    dataset: Any
    settings: dict[str, Any]
    rules: tuple[LabelRule, ...]
    class_of: NDArray[np.uint8]
    listed: bool

    @property
    def root(self) -> Path:
        """Folder of the data set."""
        return Path(self.dataset.data_root or '')


def find_sources(
    source: str,
    *,
    kind: str | None,
    data_root: str | None = None,
    label_formats: Sequence[str] = (),
    label_values: LabelValues | None = None,
    options: Sequence[str] = (),
) -> list[DataSource]:
    """Return the data sets that a command line names.

    Args:
        source: a config; or the folder of a data set, where ``kind`` is given or its ``dataset.json`` describes it.
        kind: layout of the folder.
        data_root: replaces the data root of a config.
        label_formats: replace those of the data sets.
        label_values: replace those of the data sets; of ``index`` labels, which is then the only format unless said.
        options: ``KEY=VALUE`` settings of a config.

    Raises:
        ConfigError: the config cannot be read, names no data, or the options do not go together.
        DataError: a data root does not exist, or the folder is not of that kind.
    """
    if label_values is not None and not label_formats:
        label_formats = ('index',)
    reading = Reading(tuple(label_formats), label_values)
    described = (Path(source) / description.NAME).is_file()
    if kind is not None or described:
        if data_root is not None or options:
            raise ConfigError('--data-root and --cfg-options change a config: with a folder, give the folder only')
        return folder_sources(Path(source), kind=kind, reading=reading)
    if Path(source).is_dir():
        raise ConfigError(
            f'{source} is a folder: say its layout, with --kind {" or ".join(DATASET_OF)}, or give a config'
        )
    config = load_config(source, parse_options(options))
    set_data_root(config, data_root)
    sources = config_sources(config, reading=reading)
    if not sources:
        raise ConfigError(f'config {source} has no data set in {", ".join(LOADERS.values())}: give a leaf config')
    return sources


def config_sources(config: Config, *, reading: Reading = AS_SAID) -> list[DataSource]:
    """Return the data sets of the loaders of a config.

    Raises:
        ConfigError: a data set cannot be built.
        DataError: a data root does not exist.
    """
    init_default_scope(config.get('default_scope') or 'mmseg')
    return [
        build_source(dict(settings), split=split, reading=reading)
        for split, loader in LOADERS.items()
        if config.get(loader) is not None
        for settings in datasets_of(config[loader].dataset)
    ]


def folder_sources(root: Path, *, kind: str | None, reading: Reading = AS_SAID) -> list[DataSource]:
    """Return the data sets of a folder: by its lists where it has any, else by its folders.

    Its ``dataset.json`` says its classes and layout, where it has one; else ``kind`` does.

    Raises:
        SplitError: the folder is not of that kind.
        ConfigError: a label format does not suit the data set.
    """
    init_default_scope('mmseg')
    described = (root / description.NAME).is_file()
    layout = find_layout(root, kind=description.read_description(root).layout if described else kind)
    forms = (layout.form, 'lst' if layout.form == 'txt' else 'txt')  # of two lists that of the layout's own form counts
    lists: dict[str, str] = {}
    for split in SPLITS:
        names = [f'{layout.lists}/{split}.{form}' for form in forms]
        present = [name for name in names if (root / name).is_file()]
        lists |= {split: present[0]} if present else {}
    divided = [split for split in SPLITS if (root / layout.images / split).is_dir()]
    sources = []
    for split in [split for split in SPLITS if split in divided or split in lists] or [UNDIVIDED]:
        ann_file = lists.get(split, f'{layout.lists}/{split}.{layout.form}')
        settings: dict[str, Any] = {'type': 'TileDataset' if described else DATASET_OF[str(kind)]}
        settings |= {'data_root': str(root), 'ann_file': ann_file}
        if split not in lists or not ann_file.endswith('.lst'):  # a .lst names the folders of its files itself
            below = f'/{split}' if divided else ''
            prefix = {'img_path': f'{layout.images}{below}', 'seg_map_path': f'{layout.labels}{below}'}
            settings['data_prefix'] = prefix
        sources.append(build_source(settings, split=split, reading=reading, listed=split in lists))
    return sources


def build_source(
    settings: dict[str, Any], *, split: str, reading: Reading = AS_SAID, listed: bool = True
) -> DataSource:
    """Build a data set without looking for its files.

    Raises:
        ConfigError: it cannot be built.
        DataError: its data root does not exist.
    """
    settings = {**settings, 'pipeline': []}  # the doctor reads the tiles without the pipeline
    root = settings.get('data_root')
    if root is not None and not Path(root).is_dir():
        raise DataError(f'data root {root} is not a folder: set it with --data-root DIR, see data/README.md')
    try:
        dataset = DATASETS.build({**settings, 'lazy_init': True})
        rules = _rules(dataset, reading)
        if reading != AS_SAID:
            settings['label_format'] = dataset.label_format = rules[0].label_format
            if reading.label_values is not None and rules[0].label_values is not None:
                settings['label_values'] = dataset.label_values = reading.label_values
    except AuxHRNetError:
        raise
    except Exception as error:  # a data set of any package can fail in any way
        kind = settings.get('type')
        raise ConfigError(f'data set {kind} of {split} cannot be built: {type(error).__name__}: {error}') from error
    return DataSource(split, dataset, settings, rules, _class_table(dataset, rules[0]), listed)


def _rules(dataset: Any, reading: Reading) -> tuple[LabelRule, ...]:
    """Return how labels are read; mmseg's own data sets take the values of one channel as they are."""
    if isinstance(dataset, ListedDataset):
        formats = reading.label_formats or (dataset.label_format,)
        of_files = dataset.label_values if reading.label_values is None else reading.label_values
        palette = dataset.metainfo['palette'] if dataset.label_map is None else dataset.METAINFO['palette']
        # Of several formats, the values are those of index files; one other format alone is refused with them.
        return tuple(
            label_rule(
                name,
                palette,
                ignore_index=dataset.ignore_index,
                label_values=of_files if name == 'index' or len(formats) == 1 else None,
            )
            for name in formats
        )
    if reading != AS_SAID:
        raise ConfigError(
            f'--label-format and --label-values are for the data sets of this package; {type(dataset).__name__} has '
            'its own'
        )
    classes = dataset.METAINFO.get('classes') or dataset.metainfo.get('classes')
    if not classes:
        raise ConfigError(f'data set {type(dataset).__name__} names no classes: set metainfo=dict(classes=(...))')
    values = len(classes) + int(dataset.reduce_zero_label)  # value 0 is then not a class
    return (label_rule('index', [(value, value, value) for value in range(values)], ignore_index=dataset.ignore_index),)


def _class_table(dataset: Any, rule: LabelRule) -> NDArray[np.uint8]:
    """Return the class of every value, as mmseg's loader renumbers them."""
    table = np.full(256, IGNORED, np.uint8)
    table[: rule.num_classes] = np.arange(rule.num_classes)
    if dataset.reduce_zero_label:
        table[1 : rule.num_classes] -= 1
        table[0] = IGNORED
    if dataset.label_map is not None:  # after the step above, as in mmseg's loader
        table = np.array([dataset.label_map.get(int(value), value) for value in table], np.uint8)
    table[rule.ignore_index] = IGNORED
    return table


def refusals(sources: Sequence[DataSource]) -> Iterator[tuple[DataSource, str]]:
    """Build the data sets as training does, and yield those that it would refuse, with the reason."""
    for source in sources:
        if not source.listed:  # training needs a list, and the examination of a folder says so already
            continue
        try:
            DATASETS.build(source.settings)
        except Exception as error:  # a data set of any package can fail in any way
            yield source, f'{type(error).__name__}: {error}'
