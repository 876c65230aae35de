"""The start of exports and maps: a segmentor with its weights, and the known facts about it."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.model.utils import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS

from mmseg_aux_hrnet.bands import Bands, bands_in
from mmseg_aux_hrnet.classes import Classes, classes_in
from mmseg_aux_hrnet.decision import Threshold, head_decision
from mmseg_aux_hrnet.errors import AuxHRNetError, ConfigError, counted, one_line
from mmseg_aux_hrnet.models import fill_sizes, use_threshold
from mmseg_aux_hrnet.run.config import OWN_SCOPE, dataset_bands, dataset_meta
from mmseg_aux_hrnet.run.tile_config import fill_from_checkpoint
from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint, load_model_weights
from mmseg_aux_hrnet.weights.zoo import is_zoo_name, zoo_model, zoo_models

DEFAULT_TILE = 512  # pixels
LEAST_WINDOW = 512  # pixels: smaller ones hide from the network what lies around
OVERLAP = 33  # percent, a third as maps have it


@dataclass(frozen=True)
class TrainedModel:
    """A segmentor in evaluation mode on the CPU, without auxiliary decoders, and what is known about it.

    Attributes:
        model: predicts whole images, also if the ``test_cfg`` of the config has windows.
        classes: of the checkpoint, else of the data set of the config; a threshold is on the one of interest.
        decision: how the class map follows from the probabilities; None for the most probable class.
        gsd: metres per pixel of the training images; None where unknown. Of an export, that of its users' images.
        tile: (height, width) in pixels that the model was trained or is tested on. Of an export, what its users are to
            cut images into, see :func:`~mmseg_aux_hrnet.exchange.export.metadata.with_tiling`.
        overlap: of the tiles that users of an export are to cut images into, percent of the tile.
        config_name: file name of the config.
        config_sha256: of the text of the merged config, as in evaluation reports.
        checkpoint_name: file name of the checkpoint.
        checkpoint_sha256: of the file.
        bands: what the model is shown, and the rule of its values; of the checkpoint, else of the data of the config.
    """

    model: Any
    classes: Classes
    decision: Threshold | None
    gsd: float | None
    tile: tuple[int, int]
    overlap: int
    config_name: str
    config_sha256: str
    checkpoint_name: str
    checkpoint_sha256: str
    bands: Bands = field(default_factory=Bands)


def find_network(words: Sequence[str]) -> tuple[str, Path, float | None]:
    """Return config, checkpoint and ground sampling distance of the network that words of a command line name.

    Args:
        words: the name of one of the zoo, such as ``green`` or ``zoo://green``, or a config and a checkpoint or work
            dir, whose ground sampling distance they may say themselves.

    Raises:
        ConfigError: there is no such network, or there are too few or too many words.
        CheckpointError: the file of a network of the zoo is damaged, or the work dir holds no checkpoint.
    """
    if len(words) == 1 and is_zoo_name(words[0]):
        model, path = zoo_model(words[0])
        return f'{OWN_SCOPE}{model.config}', path, model.gsd
    if len(words) != 2:
        raise ConfigError(
            f'{" ".join(words) or "nothing"} names no network: give CONFIG CHECKPOINT, or one of the zoo: '
            f'{", ".join(zoo_models()) or "none"}'
        )
    return words[0], best_checkpoint(Path(words[1])), None


def load_trained_model(config: Config, checkpoint: Checkpoint, *, threshold: str | None) -> TrainedModel:
    """Build the config's segmentor and fill it from ``checkpoint``, exactly.

    Args:
        config: a merged config; where it is one of described tiles that is not filled in, the checkpoint fills it in.
        checkpoint: of this config; ``hashed``.
        threshold: a number for the class of interest, ``argmax``, or None for what the checkpoint or the head says.

    Raises:
        CheckpointError: the checkpoint cannot be read, does not fit, or contradicts itself.
        ConfigError: the config lacks what an export or a map needs.
    """
    text = config.pretty_text
    fill_from_checkpoint(config, checkpoint)
    model = _build(config)
    meta = load_model_weights(model, checkpoint)
    classes = _classes(config, meta, count=2 if model.out_channels == 1 else int(model.out_channels))
    names, interest = classes.names, classes.name_of_interest
    stored = use_threshold(model, threshold, classes=names, of_interest=interest, meta=meta, source=checkpoint.path)
    decision = None if stored is None else stored.among(names)
    if decision is None and model.out_channels == 1:  # such a head always has a threshold of its own
        decision = head_decision(model.decode_head.threshold, names[1])
    gsd = classes.extras.get('gsd') or config.get('gsd')
    if gsd is not None and (not isinstance(gsd, (int, float)) or not 0 < gsd < math.inf):
        raise ConfigError(f'gsd is {gsd!r}: give the ground sampling distance in metres per pixel, such as 0.25')
    # Last: weights are checked against the whole model that was trained.
    for part in ('auxiliary_head', 'distillation'):  # they take part in training only
        if getattr(model, part, None) is not None:
            setattr(model, part, None)
    model.test_cfg = ConfigDict({**(model.test_cfg or {}), 'mode': 'whole'})
    return TrainedModel(
        model=model,
        classes=classes,
        decision=decision,
        gsd=None if gsd is None else float(gsd),
        tile=_tile(config, model),
        overlap=OVERLAP,
        config_name=Path(config.filename or 'config').name,
        config_sha256=hashlib.sha256(text.encode()).hexdigest(),
        checkpoint_name=checkpoint.path.name,
        checkpoint_sha256=checkpoint.sha256,
        bands=_bands(config, meta, model=model),
    )


def _build(config: Config) -> Any:
    init_default_scope(config.get('default_scope') or 'mmseg')
    try:
        model = MODELS.build(config.model)
    except AuxHRNetError:
        raise
    except Exception as error:  # a registered class can fail in any way
        raise ConfigError(f'the model of this config cannot be built: {one_line(error)}') from error
    if not hasattr(model, 'encode_decode') or not hasattr(model, 'decode_head'):
        raise ConfigError(
            f'{type(model).__name__} of this config is not an EncoderDecoder: only those can be exported or make maps'
        )
    preprocessor = model.data_preprocessor
    if not isinstance(preprocessor, SegDataPreProcessor):
        raise ConfigError(
            f'data_preprocessor of this config is a {type(preprocessor).__name__}: exports and maps know '
            'the normalisation of SegDataPreProcessor only'
        )
    if not hasattr(preprocessor, 'mean'):
        raise ConfigError('data_preprocessor of this config normalises 0 band(s): mean and std are needed of each')
    if (preprocessor.test_cfg or {}).get('size') is not None:
        raise ConfigError(
            'data_preprocessor.test_cfg of this config pads to one size, and exported files and maps do not: remove '
            'it with --cfg-options model.data_preprocessor.test_cfg=None, and give an export --fixed-size'
        )
    fill_sizes(model)
    return revert_sync_batchnorm(model).eval()


def _classes(config: Config, meta: dict[str, Any], *, count: int) -> Classes:
    """Return what the checkpoint says about its classes, else what the data set of the config does."""
    classes = classes_in(meta.get('dataset_meta') or {}) or classes_in(meta)
    if classes is None:
        loader = 'test_dataloader' if config.get('test_dataloader') else 'train_dataloader'
        classes = classes_in(dataset_meta(config, loader))
    names = () if classes is None else classes.names
    if classes is None or len(names) != count:
        raise ConfigError(
            f'the model has {counted(count, "class")}, but checkpoint and data set of the config name {len(names)} '
            f'({", ".join(names) or "none"}): set test_dataloader.dataset.metainfo.classes'
        )
    return classes


def _bands(config: Config, meta: dict[str, Any], *, model: Any) -> Bands:
    """Return what the checkpoint says about its bands, else what the data set of the config does."""
    described = meta.get('dataset_meta') or {}
    if not described.get('bands'):
        loader = 'test_dataloader' if config.get('test_dataloader') else 'train_dataloader'
        described = dataset_bands(config, loader).meta()
    bands, count = bands_in(described), len(model.data_preprocessor.mean)
    if count != len(bands.names):
        raise ConfigError(
            f'data_preprocessor of this config normalises {counted(count, "band")}, but checkpoint and data set name '
            f'{len(bands.names)} ({", ".join(bands.names)}): mean and std are needed of each'
        )
    return bands


def _tile(config: Config, model: Any) -> tuple[int, int]:
    """Return the tile, (height, width) in pixels, that the config suggests."""
    sliding = config.model.get('test_cfg') or {}
    size = sliding['crop_size'] if sliding.get('mode') == 'slide' else getattr(model.data_preprocessor, 'size', None)
    return (DEFAULT_TILE, DEFAULT_TILE) if size is None else (int(size[0]), int(size[1]))
