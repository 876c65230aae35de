"""Fills a config of described tiles: classes, bands and normalisation come from ``dataset.json`` or a checkpoint."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmseg.registry import DATASETS

from mmseg_aux_hrnet.bands import RGB, bands_in, make_bands
from mmseg_aux_hrnet.classes import classes_in, plain
from mmseg_aux_hrnet.datasets.description import NAME
from mmseg_aux_hrnet.datasets.tile_dataset import TileDataset, described_tiles, metainfo_of
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.run.config import DATALOADERS, datasets_of
from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint

PLACE = '{class_of_interest}'  # in a config, for the name of that class in a figure's key
OVER_ALL = {'IoU': 'mIoU', 'F1': 'mDice', 'Recall': 'mAcc'}  # the figure in its place where no class is of interest
NAMING = ('default_hooks', 'custom_hooks', 'val_evaluator', 'test_evaluator')  # parts with keys of figures
SAME = ('classes', 'bands')  # of data that one network is trained and tested on
NETWORK = (*SAME, 'mean', 'std')  # what it is made for


def fill_for_training(config: Config) -> None:
    """Fill in what the ``dataset.json`` of the data root of each :class:`TileDataset` says; other configs stay.

    These are the classes of the data sets and of every head, the class of interest of hooks and evaluators, the bands
    of the backbone and of all loaders, and mean and standard deviation. Where the config names ``bands``, the others
    of the tiles are left out.

    Args:
        config: changed in place; its data roots are there.

    Raises:
        DataError: there is no ``dataset.json``, or it is wrong.
        ConfigError: the data sets differ in what one network has to be made for, or from what the config was filled
            with.
    """
    meta = _fill_data(config, DATALOADERS, bands=config.get('bands'))
    if meta is not None:
        _fill_network(config, meta)


def fill_for_test(config: Config, checkpoint: str | Path) -> None:
    """Fill in the test data from their ``dataset.json``, and the network from the checkpoint that is tested.

    The mean of other data is not that which the network was trained with, so a config that is filled keeps its own.

    Raises:
        DataError: there is no ``dataset.json``, or it is wrong.
        ConfigError: its classes are not those that the config was filled with, or the checkpoint says too little.
        CheckpointError: the checkpoint cannot be read, or is of other classes or bands than the data.
    """
    filled = _is_filled(config)
    if not any(_tile_sets(config, ('test_dataloader',))):
        return
    weights = Checkpoint(best_checkpoint(Path(checkpoint)))
    trained = _trained_on(weights)
    meta = _fill_data(config, ('test_dataloader',), bands=trained.get('bands'), strict=False)
    if meta is None:
        return
    for key in SAME:
        if trained.get(key) and list(trained[key]) != list(meta[key]):
            raise CheckpointError(
                f'{weights.path} was trained on the {key} {", ".join(trained[key])}, but the data have '
                f'{", ".join(meta[key])}: '
                'test it on data of the same kind'
            )
    if not filled:
        _fill_network(config, {**meta, **_of_the_network(config, weights)})


def fill_from_checkpoint(config: Config, checkpoint: Checkpoint) -> None:
    """Fill in a config that is not filled from what a checkpoint says of the tiles that it was trained on.

    Raises:
        ConfigError: the checkpoint says too little.
        CheckpointError: it cannot be read.
    """
    if _is_filled(config) or not any(_tile_sets(config, DATALOADERS)):
        return
    network = _of_the_network(config, checkpoint)
    meta = {**_trained_on(checkpoint), **network}
    for dataset in _tile_sets(config, DATALOADERS):
        dataset.metainfo = ConfigDict(meta)
    _fill_network(config, meta)


def _trained_on(checkpoint: Checkpoint) -> dict[str, Any]:
    meta = checkpoint.meta.get('dataset_meta')
    return plain(meta) if isinstance(meta, Mapping) else {}


def _of_the_network(config: Config, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what a network was made for: classes, bands, mean and standard deviation."""
    meta = _trained_on(checkpoint)
    missing = [key for key in NETWORK if not meta.get(key)]
    if missing:
        raise ConfigError(
            f'{config.filename or "the config"} is filled in by training, and {checkpoint.path} does not say '
            f'{", ".join(missing)}: give the config that training wrote to its work dir'
        )
    return {key: meta[key] for key in NETWORK}


def _fill_data(
    config: Config, loaders: Sequence[str], *, bands: Any = None, strict: bool = True
) -> dict[str, Any] | None:
    """Fill in the metainfo of the data sets; return it, or None where no data set is described by a file.

    Args:
        config: changed in place.
        loaders: of the data sets.
        bands: some of the bands of the tiles, by name; None for all, or those that the config is filled with.
        strict: whether they all have to be there; else tiles without one of them are described with all of their own.
    """
    names = None if bands is None else make_bands([bands] if isinstance(bands, str) else bands).names
    found: dict[Path, dict[str, Any]] = {}
    for dataset in _tile_sets(config, loaders):
        root = Path(dataset.get('data_root') or '')
        if found and not root.is_dir():  # of test data, which training does not need
            continue
        if root not in found:
            asked = dict(dataset.get('metainfo') or {})
            described = described_tiles(root, metainfo=asked)
            if names is not None and (strict or set(names) <= set(described.bands)):
                described = described_tiles(root, metainfo={**asked, 'bands': names})
            found[root] = metainfo_of(described)
        dataset.metainfo = ConfigDict(found[root])
    if not found:
        return None
    (first, meta), *others = found.items()
    for root, other in others:
        for key in SAME:
            if other[key] != meta[key]:
                raise ConfigError(
                    f'{root / NAME} has the {key} {", ".join(other[key])}, but {first / NAME} {", ".join(meta[key])}: '
                    'one network needs the same'
                )
    return meta


def _fill_network(config: Config, meta: Mapping[str, Any]) -> None:
    """Make the network for the classes and bands, and name the class of interest where figures are named."""
    classes = classes_in(meta)
    assert classes is not None  # a description names them, and a checkpoint was asked for them
    for part in _dicts(config.model):
        if 'num_classes' in part:
            part.num_classes = len(classes.names)
            if part.get('out_channels', 1) != 1:  # 1: one channel with a threshold, for two classes
                part.out_channels = len(classes.names)
        _fill_bands(part, meta)
    loader = (config.get('test_pipeline') or [{}])[0]
    if not bands_in(meta).plain and loader.get('_scope_') == 'mmseg_aux_hrnet':  # inference_model reads images with it
        loader.update(bands=list(meta['bands']), scale=meta.get('scale'), stored=list(meta['bands']))
    for key in NAMING:
        if config.get(key) is not None:
            config[key] = _named(config[key], classes.name_of_interest)


def _fill_bands(part: Any, meta: Mapping[str, Any]) -> None:
    """Make a part of a model for the bands, where it has a backbone or a preprocessor."""
    count = len(meta['bands'])
    backbone: Any = part.get('backbone') or {}
    preprocessor: Any = part.get('data_preprocessor') or {}
    if backbone and backbone.get('in_channels', len(RGB)) != count:
        backbone.in_channels = count
    if backbone and tuple(meta['bands']) != RGB and str(backbone.type).endswith('HRNetV2'):
        backbone.bands = list(meta['bands'])
    if 'mean' not in preprocessor:
        return
    if count != len(RGB) and preprocessor.type == 'SegDataPreProcessor':
        preprocessor.type = 'BandDataPreProcessor'  # mmengine knows one and three only
    # Three bands come in reverse: without the exchange the network sees them so, and their means too.
    kept = count != len(RGB) or preprocessor.get('bgr_to_rgb') or preprocessor.get('rgb_to_bgr')
    step = 1 if kept else -1
    preprocessor.update(mean=list(meta['mean'])[::step], std=list(meta['std'])[::step])


def _named(part: Any, of_interest: str | None) -> Any:
    """Return a part of a config with the class of interest in the keys of figures."""
    if isinstance(part, dict):
        return type(part)({key: _named(value, of_interest) for key, value in part.items()})
    if isinstance(part, (list, tuple)):
        return type(part)(_named(value, of_interest) for value in part)
    if not isinstance(part, str) or PLACE not in part:
        return part
    if of_interest is not None:
        return part.replace(PLACE, of_interest)
    figure = part.partition('.')[0]
    return OVER_ALL.get(figure, f'm{figure}')


def _tile_sets(config: Config, loaders: Sequence[str]) -> Iterator[Any]:
    """Yield the settings of the data sets that a ``dataset.json`` describes."""
    for loader in loaders:
        if config.get(loader) is not None:
            for dataset in datasets_of(config[loader].dataset):
                kind = DATASETS.get(dataset.type) if isinstance(dataset.get('type'), str) else dataset.get('type')
                if isinstance(kind, type) and issubclass(kind, TileDataset):
                    yield dataset


def _is_filled(config: Config) -> bool:
    return any((dataset.get('metainfo') or {}).get('classes') for dataset in _tile_sets(config, DATALOADERS))


def _dicts(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, (list, tuple)) else ():
        yield from _dicts(inner)
