"""What an exported file says of itself, including the keys that the Deepness plugin of QGIS reads."""

import math
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.figures import Figures
from mmseg_aux_hrnet.run.rgb_network import CLASSES, INPUT, PROBABILITIES, Form
from mmseg_aux_hrnet.run.trained_model import TrainedModel
from mmseg_aux_hrnet.version import __version__

FORMAT = 'mmseg_aux_hrnet export 1'
DISTRIBUTIONS = ('onedl-mmsegmentation', 'mmsegmentation', 'onedl-mmengine', 'mmengine')
EQUAL_ODDS = 0.5
OVERLAP_RANGE = (0, 90)  # percent
TILE_RANGE = (32, 16384)  # pixels
LARGEST_DEFAULT = 1024  # pixels; a desktop has memory for it


def with_tiling(source: TrainedModel, *, size: int | None, overlap: int | None, gsd: float | None) -> TrainedModel:
    """Return the model with the tiling that the command line gives, and for what it does not give that of the config.

    Args:
        source: what is exported.
        size: side of the square tiles that users of the file are to cut large images into, pixels.
        overlap: of neighbouring tiles, percent of the side.
        gsd: ground sampling distance, metres per pixel.

    Raises:
        ConfigError: a number is outside its range.
    """
    low, high = TILE_RANGE
    if size is not None and not low <= size <= high:
        raise ConfigError(f'--tile-size {size}: give pixels from {low} to {high}')
    low, high = OVERLAP_RANGE
    if overlap is not None and not low <= overlap <= high:
        raise ConfigError(f'--tile-overlap {overlap}: give percent from {low} to {high}')
    if gsd is not None and not 0 < gsd < math.inf:
        raise ConfigError(f'--gsd {gsd}: give metres per pixel, such as 0.25')
    side = min(max(source.tile), LARGEST_DEFAULT) if size is None else size
    return replace(
        source,
        tile=(side, side),
        overlap=source.overlap if overlap is None else overlap,
        gsd=source.gsd if gsd is None else gsd,
    )


def metadata(source: TrainedModel, *, form: Form, fused: bool, figures: Figures | None) -> dict[str, Any]:
    """Return everything that a file says of itself; values are such as JSON holds.

    Args:
        source: what is exported, with the tiling of the file.
        form: what goes in and out.
        fused: whether batch norms are folded into convolutions.
        figures: how good the checkpoint is; None where nobody measured.
    """
    size = ['height', 'width'] if form.fixed_size is None else list(form.fixed_size)
    image = {'type': 'float32', 'range': [0, 1]} if form.unit_range else {'type': 'uint8', 'range': [0, 255]}
    channels = 1 if form.foreground_only else len(source.classes.names)
    outputs = {
        PROBABILITIES: {'type': 'float32', 'shape': ['batch', channels, *size]},
        CLASSES: {'type': 'uint8', 'shape': ['batch', *size]},
    }
    return {
        'format': FORMAT,
        **deepness_keys(source),
        'palette': source.classes.meta()['palette'],
        'bands': list(source.bands.names),
        **({} if source.bands.scale is None else {'scale': [list(pair) for pair in source.bands.scale]}),
        'input': {'name': INPUT, **image, 'shape': ['batch', len(source.bands.names), *size]},
        'outputs': {name: outputs[name] for name in form.outputs},
        'mean': _rounded(source.model.data_preprocessor.mean),
        'std': _rounded(source.model.data_preprocessor.std),
        'size_divisor': source.model.size_divisor,
        'gsd': source.gsd,
        'threshold': None if source.decision is None else source.decision.record(),
        'metrics': None if figures is None else {'measured_on': figures.measured, 'values': figures.values},
        'config': source.config_name,
        'config_sha256': source.config_sha256,
        'checkpoint': source.checkpoint_name,
        'checkpoint_sha256': source.checkpoint_sha256,
        'precision': 'float16' if form.half else 'float32',
        'batch_norm': 'folded' if fused else 'kept',
        'versions': _versions(),
    }


def deepness_keys(source: TrainedModel) -> dict[str, Any]:
    """Return the keys that Deepness reads (qgis-plugin-deepness, ``processing/models/model_base.py``).

    Its documentation has ``tiles_size`` where its code reads ``tile_size``. ``resolution`` is in centimetres per pixel.
    Every pixel below ``seg_thresh`` in all classes becomes class 0, so it is 0, which means off, for more classes than
    two. ``seg_small_segment`` 0 turns off a median filter of the class map.
    """
    if len(source.classes.names) > 2:
        threshold = 0.0
    else:
        threshold = EQUAL_ODDS if source.decision is None else source.decision.of_foreground
    side, _ = source.tile
    keys = {
        'model_type': 'Segmentor',
        'class_names': {str(index): name for index, name in enumerate(source.classes.names)},
        'tile_size': side,
        'tiles_size': side,
        'tiles_overlap': source.overlap,
        'seg_thresh': threshold,
        'seg_small_segment': 0,
    }
    return keys if source.gsd is None else {**keys, 'resolution': round(100 * source.gsd, 6)}


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 4) for value in values.flatten().tolist()]  # float32 has no more digits of 0..255


def _versions() -> dict[str, str]:
    found = {'mmseg_aux_hrnet': __version__, 'torch': torch.__version__}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
