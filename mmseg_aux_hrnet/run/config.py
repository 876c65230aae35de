"""Reads a config, and edits it before mmengine's runner gets it."""

import argparse
import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmseg_aux_hrnet.bands import Bands, make_bands
from mmseg_aux_hrnet.datasets.listed_dataset import loaded_bands, strict_pipeline
from mmseg_aux_hrnet.datasets.tile_dataset import TileDataset
from mmseg_aux_hrnet.engine import private_names
from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.files.names import portable
from mmseg_aux_hrnet.files.outputs import check_writable
from mmseg_aux_hrnet.stack import config as shipped_config

OWN_SCOPE = 'mmseg_aux_hrnet::'
DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
PLACES = ('data_root', 'ann_file')  # of a data set
PREFIX = 'data_prefix'  # its folders


def adapt(config: Any) -> None:
    """Change in a config, in place, what mmengine would fail at or could not write.

    Classes that an import left among the variables go, paths become text, and the places of data sets get separators
    that every system reads.
    """
    for name in [name for name, value in config.items() if isinstance(value, type)]:
        config.pop(name)
    config.setdefault('default_scope', 'mmseg')
    _adapt_part(private_names.config_dict(config))


def _adapt_part(part: Any, *, of: Any = None) -> None:
    """Adapt what is in a dict or list; ``of`` is its key, if any."""
    for key, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        if isinstance(value, PurePath):
            part[key] = value.as_posix()
        elif isinstance(value, str) and (key in PLACES or of == PREFIX):
            part[key] = portable(value)
        elif isinstance(value, (dict, list)):
            _adapt_part(value, of=key)


def load_config(source: str | Path | Config, options: Mapping[str, Any] | None = None) -> Config:
    """Return a config with ``options`` (dotted keys) merged in.

    Args:
        source: a file; ``mmseg_aux_hrnet::hrnet/LEAF.py`` names a config of this package, as in ``_base_``. Of a config
            that was loaded, a copy is changed.
        options: what to override.

    Raises:
        ConfigError: the file is missing or cannot be evaluated, or an option names what is not there.
    """
    if isinstance(source, Config):
        path, read = source.filename or 'config', lambda: copy.deepcopy(source)
    else:
        path = str(source)
        if path.startswith(OWN_SCOPE):
            path = shipped_config(path.removeprefix(OWN_SCOPE))
        if not Path(path).is_file():
            raise ConfigError(
                f'config {path} is not a file: give one of configs/hrnet/*.py, one of configs/tiles/*.py for data with '
                f'a dataset.json, or {OWN_SCOPE}hrnet/LEAF.py'
            )
        read = partial(Config.fromfile, path)
    try:
        config = read()
        config.merge_from_dict(dict(options or {}))
    except (Exception, SystemExit) as error:  # a config is a program: it can end in any way
        raise ConfigError(f'config {path} cannot be read: {type(error).__name__}: {error}') from error
    old = {'data': 'a config of MMSegmentation 0.x', 'DATASET': 'a YAML of the official HRNet code'}
    for key, kind in old.items():
        if key in config and 'train_dataloader' not in config:
            raise ConfigError(f'{path} is {kind}: python tools/migrate_config.py {path} NEW.py')
    if 'model' not in config or 'train_dataloader' not in config:
        raise ConfigError(
            f'config {path} has no model or no data: give a leaf, one of configs/hrnet/*.py or configs/tiles/*.py'
        )
    adapt(config)
    for loader in DATALOADERS:
        if config.get(loader) is not None and config[loader].get('num_workers', 0) == 0:
            config[loader].persistent_workers = False  # torch refuses to keep workers that are not there
    return config


def config_name(source: str | Path | Config) -> str:
    """Return the name of a config, after which its work dir is called."""
    return Path((source.filename or 'config') if isinstance(source, Config) else source).stem


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` pairs as mmengine reads them: numbers, booleans, lists and tuples, else text.

    Raises:
        ConfigError: a pair has no ``=``, or brackets that do not close.
    """
    for pair in pairs:
        if '=' not in pair:
            raise ConfigError(f'--cfg-options {pair}: give KEY=VALUE, such as train_dataloader.batch_size=4')
    line = argparse.ArgumentParser()
    line.add_argument('--pairs', nargs='*', action=DictAction, default={})
    try:
        return dict(line.parse_args([f'--pairs={pair}' for pair in pairs]).pairs)  # = for keys that start with a dash
    except (AssertionError, RecursionError):
        raise ConfigError(f'--cfg-options {" ".join(pairs)}: brackets do not close; write a=[1,2] or a=(1,2)') from None


def set_work_dir(config: Config, work_dir: str | Path | None, *, name: str) -> Path:
    """Set the folder for logs and checkpoints, by default ``work_dirs/NAME``, and return it.

    Raises:
        ConfigError: the folder cannot be made or written to.
    """
    config.work_dir = str(work_dir or config.get('work_dir') or os.path.join('work_dirs', name))
    path = Path(config.work_dir)
    check_writable(path, what=f'work dir {path}', advice='choose another --work-dir')
    return path


def set_data_root(config: Config, data_root: str | Path | None) -> None:
    """Point the data sets of every loader to ``data_root``, nested ones too."""
    if data_root is None:
        return
    for loader in DATALOADERS:
        if config.get(loader) is not None:
            for dataset in datasets_of(config[loader].dataset):
                dataset.data_root = str(data_root)


def datasets_of(dataset: Any) -> Iterator[Any]:
    """Yield the data sets that read files, through wrappers such as ``ConcatDataset``."""
    if 'datasets' in dataset:
        for part in dataset.datasets:
            yield from datasets_of(part)
    elif 'dataset' in dataset:
        yield from datasets_of(dataset.dataset)
    else:
        yield dataset


def check_data_root(config: Config, loaders: Sequence[str] = DATALOADERS) -> None:
    """Raise where a folder or list of a data set is not there; mmseg's own data sets would end in a traceback.

    Raises:
        DataError: names what is missing.
    """
    used = [config[loader].dataset for loader in loaders if config.get(loader) is not None]
    for dataset in (part for whole in used for part in datasets_of(whole)):
        root = Path(dataset.get('data_root') or '')
        if not root.is_dir():
            raise DataError(f'data root {root} is not a folder: set it with --data-root DIR, see data/README.md')
        for prefix in filter(None, dataset.get('data_prefix', {}).values()):
            # A folder that is there but empty is what an archive unpacked one level too deep leaves.
            if not any(path.is_file() for path in (root / prefix).rglob('*')):
                raise DataError(f'{root / prefix} holds no files: check --data-root, see data/README.md')
        if not (root / dataset.get('ann_file', '')).exists():
            raise DataError(f'list {root / dataset.ann_file} is not there: check --data-root, see data/README.md')


def describe_test_dataset(config: Config) -> dict[str, Any]:
    """Return the metainfo of the test data set and its ``label_format``, without looking for its files.

    Raises:
        ConfigError: the data set cannot be set up without its files, or renumbers its classes.
    """
    init_default_scope(config.get('default_scope') or 'mmseg')
    described = next(datasets_of(config.test_dataloader.dataset))
    _check_filled(described, config)
    try:
        dataset = DATASETS.build({**described, 'data_root': None, 'pipeline': [], 'lazy_init': True})
    except (AssertionError, OSError) as error:
        raise ConfigError(f'{described.type} needs its files to say what its classes are: give --classes') from error
    if dataset.label_map is not None or dataset.reduce_zero_label:
        raise ConfigError(f'{described.type} renumbers the classes of its labels while loading: give --classes')
    return {**dataset.metainfo, 'label_format': getattr(dataset, 'label_format', 'index')}


def dataset_meta(config: Config, loader: str = 'train_dataloader') -> dict[str, Any]:
    """Return what the data set of a loader says of its classes, ``classes`` and ``palette`` among it; may be empty.

    Of several data sets the first says it, as mmengine's ``ConcatDataset`` has it.

    Raises:
        ConfigError: there is no such type of data set, and the config does not name the classes itself.
    """
    settings = (config.get(loader) or {}).get('dataset')
    settings = next(datasets_of(settings)) if settings else {}
    kind, own = settings.get('type'), settings.get('metainfo') or {}
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    if kind is not None and found is None and 'classes' not in own:
        raise ConfigError(f'data set type {kind} is not registered: add its module to custom_imports')
    _check_filled(settings, config)
    return {**getattr(found, 'METAINFO', {}), **own}


def dataset_bands(config: Config, loader: str) -> Bands:
    """Return the bands that the data set of a loader gives, as the config says them; of several, the first.

    Raises:
        ConfigError: they are not what bands can be.
    """
    settings = (config.get(loader) or {}).get('dataset')
    settings = next(datasets_of(settings)) if settings else {}
    # Of described tiles, what dataset.json says of them is in the metainfo.
    told = {key: (settings.get('metainfo') or {}).get(key) for key in ('bands', 'scale')}
    told = {key: settings.get(key) or value for key, value in told.items()}
    told = {key: value for key, value in told.items() if value is not None}
    steps = strict_pipeline(settings.get('pipeline') or [], loader=told)
    return loaded_bands(steps, make_bands(told.get('bands'), told.get('scale')))


def _check_filled(dataset: Any, config: Config) -> None:
    if dataset.get('type') in ('TileDataset', TileDataset) and 'classes' not in (dataset.get('metainfo') or {}):
        raise ConfigError(
            f'{config.filename or "the config"} names no classes before training fills them in from the data: give the '
            'config that training wrote to its work dir'
        )
