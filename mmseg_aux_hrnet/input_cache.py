"""Lets the data sets of a config keep their decoded tiles."""

from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmseg_aux_hrnet.datasets.listed_dataset import ListedDataset
from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.run_config import datasets_of

LOADERS = ('train_dataloader', 'val_dataloader')


def set_cache(config: Config, folder: str | None) -> None:
    """Keep the decoded tiles of training and validation in ``folder``, where one is given.

    Raises:
        ConfigError: no data set of the config can.
    """
    if folder is None:
        return
    init_default_scope(config.get('default_scope') or 'mmseg')
    loaders = [config[loader] for loader in LOADERS if config.get(loader) is not None]
    datasets = [dataset for loader in loaders for dataset in datasets_of(loader.dataset)]
    able = [dataset for dataset in datasets if _is_listed(dataset.type)]
    if not able:
        kinds = ', '.join(sorted({str(dataset.type) for dataset in datasets}))
        raise ConfigError(f'--cache {folder}: {kinds} of this config cannot keep decoded tiles: leave --cache out')
    for dataset in able:
        dataset.cache_dir = folder


def _is_listed(kind: Any) -> bool:
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    return isinstance(found, type) and issubclass(found, ListedDataset)
