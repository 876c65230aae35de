"""Fills models from checkpoints completely or not at all, and names the keys that do not fit."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg_aux_hrnet.bands import RGB, Bands, bands_in, check_same_bands
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError, counted
from mmseg_aux_hrnet.weights.checkpoint import LISTED_KEYS, SAFETENSORS, WRAPPERS, Checkpoint

# Auxiliary decoders take no part in prediction, so a checkpoint may have or lack them.
AUXILIARY = 'auxiliary_head.'
# Parts of classification and segmentation networks that a backbone has no use for.
HEAD_PREFIXES = (
    'incre_modules.',
    'downsamp_modules.',
    'final_layer.',
    'classifier.',
    'last_layer.',
    'decode_head.',
    AUXILIARY,
    'loss.',
    'neck.',
    'head.',
)
RUN_STATE = ('meta', 'message_hub', 'optimizer', 'param_schedulers')
CONVERT = 'tools/convert_checkpoint.py'
COUNTER = 'num_batches_tracked'  # of batch norm; files of torch before 0.4.1 lack it, and prediction does not use it
FIRST = 'conv1.weight'  # of HRNet: the convolution that the bands of an image go into
NARROW = (torch.float16, torch.bfloat16)
FLOATS = (*NARROW, torch.float32, torch.float64)


def mismatches(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Return the keys that stand in the way of an exact load, by kind: missing, unexpected, other shape."""
    reshaped = [
        f'{key} {tuple(got[key].shape)} instead of {tuple(value.shape)}'
        for key, value in expected.items()
        if key in got and got[key].shape != value.shape
    ]
    missing = [key for key in expected if key not in got and not key.endswith(COUNTER)]
    unexpected = [key for key in got if key not in expected]
    return {'missing': missing, 'unexpected': unexpected, 'other shape': reshaped}


def describe(faults: Mapping[str, list[str]]) -> str:
    """Return the faults by kind in one line, the first keys of each by name."""
    parts = []
    for kind, keys in faults.items():
        if keys:
            more = f', and {len(keys) - LISTED_KEYS} more' if len(keys) > LISTED_KEYS else ''
            parts.append(f'{len(keys)} {kind} ({", ".join(keys[:LISTED_KEYS])}{more})')
    return '; '.join(parts)


def without(weights: Mapping[str, Tensor], prefixes: str | tuple[str, ...]) -> dict[str, Tensor]:
    """Return the weights with names that do not start with one of the prefixes."""
    return {key: value for key, value in weights.items() if not key.startswith(prefixes)}


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the segmentor inside what averages over scales or trains it in several processes, or both."""
    while isinstance(inner := getattr(model, 'module', None), nn.Module):
        model = inner
    return model


def load_model_weights(model: nn.Module, checkpoint: Checkpoint) -> dict[str, Any]:
    """Fill a segmentor from a checkpoint, exactly, and return the checkpoint's ``meta``.

    Auxiliary decoders may be missing on either side: they take no part in prediction. Another size divisor is logged.

    Raises:
        CheckpointError: the weights are those of another architecture; the message says which keys differ.
    """
    found = checkpoint.weights
    model = unwrapped(model)
    expected = model.state_dict()
    faults = mismatches(without(expected, AUXILIARY), without(found, AUXILIARY))
    if any(faults.values()):
        official = any(key.removeprefix('model.').startswith('last_layer.') for key in found)
        hint = f'; this one is of the official HRNet code: convert it with {CONVERT}' if official else ''
        raise CheckpointError(
            f'{checkpoint.path} does not fit the model of this config: {describe(faults)}; '
            f'use the config of its training{hint}'
        )
    if any(mismatches(expected, found).values()):
        print_log(
            f'{checkpoint.path}: auxiliary heads differ from the config; they take no part in testing', logger='current'
        )
        found = without(found, AUXILIARY)
    # Not strict: counters of batch norm and auxiliary heads may be missing, and everything else was compared above.
    model.load_state_dict(found, strict=False)
    now = getattr(model, 'size_divisor', None)
    stored = checkpoint.meta.get('size_divisor', now)
    if now is not None and stored != now:
        text = (
            f'{checkpoint.path} says size_divisor={stored}, this config {now}: images of other sizes will get other '
            'predictions'
        )
        print_log(text, logger='current', level=logging.WARNING)
    return checkpoint.meta


def load_backbone_weights(backbone: nn.Module, path: str | Path, *, bands: Sequence[str] | None = None) -> str:
    """Fill every weight of a backbone from an ImageNet file or from a whole network's checkpoint.

    Args:
        backbone: what is filled.
        path: the file.
        bands: what the backbone is shown, by name; where the file's network was shown other bands, its first
            convolution is fitted, see :func:`fit_bands`. None for a backbone without names, such as one of RGB.

    Returns:
        What was done to the first convolution, for the log; empty where nothing was.

    Raises:
        CheckpointError: a weight is missing or has another shape, or the file holds parts of something else.
    """
    checkpoint = Checkpoint(path)
    found = checkpoint.weights
    # In this order, because wrappers nest: one name can be model.backbone.conv1.weight.
    for prefix in ('model.', 'backbone.'):
        if any(key.startswith(prefix) for key in found):
            found = {key.removeprefix(prefix): value for key, value in found.items()}
    found = without(found, HEAD_PREFIXES)
    note = ''
    if bands is not None and FIRST in found:
        found[FIRST], note = fit_bands(found[FIRST], _bands_of(checkpoint).names, tuple(bands), source=path)
    faults = mismatches(backbone.state_dict(), found)
    if any(faults.values()):
        raise CheckpointError(
            f'{path} does not fit the backbone {getattr(backbone, "arch", type(backbone).__name__)}: '
            f'{describe(faults)}; give the weights of this arch, or --pretrained none'
        )
    backbone.load_state_dict(found, strict=False)
    return note


def fit_bands(weight: Tensor, has: Sequence[str], wants: Sequence[str], *, source: str | Path) -> tuple[Tensor, str]:
    """Return the weights of a first convolution for other bands, and what was done, for the log.

    Bands of both are copied by name, the others start at the mean over all bands of the file. Where their number
    changes, all are multiplied by old / new, so that sums over normalised bands keep their size.

    Args:
        weight: float (channels, bands, height, width), of the file.
        has: bands of the file, in its order.
        wants: bands of the network, in its order.
        source: the file, for the message.

    Raises:
        CheckpointError: the file's weights are of another number of bands than it says.
    """
    if weight.ndim != 4 or weight.shape[1] != len(has):
        raise CheckpointError(
            f'{source}: {FIRST} is {tuple(weight.shape)}, and the file says that it is of {counted(len(has), "band")} '
            f'({", ".join(has)}): give weights of these, or --pretrained none'
        )
    if tuple(has) == tuple(wants):
        return weight, ''
    copied = [name for name in wants if name in has]
    new = [name for name in wants if name not in has]
    mean = weight.mean(dim=1)
    planes = [weight[:, has.index(name)] if name in has else mean for name in wants]
    factor = len(has) / len(wants)
    parts = [f'{", ".join(copied)} copied by name'] * bool(copied)
    parts += [f'{", ".join(new)} set to the mean of {", ".join(has)}'] * bool(new)
    parts += [f'all multiplied by {factor:.4g}'] * (factor != 1)
    return torch.stack(planes, dim=1) * factor, f'{FIRST}: {"; ".join(parts)}'


def check_bands(checkpoint: Checkpoint, given: Bands, *, same_rule: bool = True) -> None:
    """Raise where a checkpoint says that it was trained on other bands than the data of a config give.

    One that says nothing of bands is of RGB, where the data are of three.

    Args:
        checkpoint: of the whole network.
        given: bands of the data.
        same_rule: values have to be scaled alike too.

    Raises:
        ConfigError: names both.
        CheckpointError: the file's own names are none.
    """
    described = checkpoint.meta.get('dataset_meta')
    if isinstance(described, Mapping) and (described.get('bands') or len(given.names) == len(RGB)):
        check_same_bands(_bands_of(checkpoint), given, source=str(checkpoint.path), same_rule=same_rule)


def _bands_of(checkpoint: Checkpoint) -> Bands:
    """Return the bands that a checkpoint says it was trained on; RGB where it says nothing, as ImageNet files."""
    described = checkpoint.meta.get('dataset_meta')
    try:
        return bands_in(described if isinstance(described, Mapping) else {})
    except ConfigError as error:
        raise CheckpointError(f'{checkpoint.path}: its dataset_meta has {error}') from error


def check_mmengine_reads(checkpoint: Checkpoint) -> None:
    """Raise where mmengine itself would not load a file, or start from random weights because of its names.

    Raises:
        CheckpointError: says how to make a ``.pth`` of it that mmengine reads.
    """
    path = checkpoint.path
    if path.suffix == SAFETENSORS:  # not every torch loads it for mmengine
        raise CheckpointError(f'{path}: mmengine starts from .pth files only; convert it with {CONVERT}')
    wrapper = next((part for part in WRAPPERS if any(part in key for key in checkpoint.saved_weights)), None)
    if wrapper is not None:
        raise CheckpointError(
            f'{path} has names with {wrapper}, of a network that torch had wrapped, which mmengine would skip: '
            f'convert it with {CONVERT}'
        )


def check_fits(model: nn.Module, path: Path, *, resume: bool = False) -> None:
    """Raise unless mmengine can safely load ``path`` and fill ``model`` exactly.

    mmengine itself would fall back to running code from the file, and skip what does not fit.

    Args:
        model: a segmentor, or what wraps it.
        path: a checkpoint.
        resume: a run of the model is to go on from there, so it must hold the state of one too.

    Raises:
        CheckpointError: the file cannot be read or does not fit, or it holds weights only.
    """
    checkpoint = Checkpoint(path)
    check_mmengine_reads(checkpoint)
    faults = mismatches(unwrapped(model).state_dict(), checkpoint.weights)
    if any(faults.values()):
        raise CheckpointError(f'{path} is not from this config: {describe(faults)}; use it with its own config')
    absent = [part for part in RUN_STATE if part not in checkpoint.content]
    if resume and absent:
        raise CheckpointError(
            f'{path} holds no state of a run ({", ".join(absent)}): resume from iter_N.pth or epoch_N.pth of a work dir'
        )


def widened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with those of half precision as float32, which holds each of their values."""
    return {key: value.float() if value.dtype in NARROW else value for key, value in weights.items()}


def narrowed(weights: Mapping[str, Tensor], *, source: Path) -> dict[str, Tensor]:
    """Return the weights with floating point ones as float16.

    Raises:
        CheckpointError: one is too large for float16, which ends at 65504.
    """
    narrow = {key: value.half() if value.dtype in FLOATS else value for key, value in weights.items()}
    lost = not_finite(narrow)
    if lost:
        raise CheckpointError(f'{source}: {lost[0]} has values beyond float16 (65504): publish it without --fp16')
    return narrow


def with_counters(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights in the order of ``expected``, with a 0 for each counter of batch norm that is not there."""
    counters = {key: torch.zeros((), dtype=torch.int64) for key in expected if key.endswith(COUNTER)}
    whole = {**counters, **weights}
    ordered = {key: whole[key] for key in expected if key in whole}
    return {**ordered, **{key: value for key, value in whole.items() if key not in ordered}}


def faults_of(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Return the names that keep weights from being those of a network, by kind, with what is wrong about them."""
    retyped = [
        f'{key} {value.dtype} instead of {expected[key].dtype}'
        for key, value in weights.items()
        if key in expected and value.dtype != expected[key].dtype
    ]
    return {**mismatches(expected, weights), 'other type': retyped, 'not finite': not_finite(weights)}


def not_finite(weights: Mapping[str, Tensor]) -> list[str]:
    """Return the names of weights that hold an infinity or no number."""
    return [key for key, value in weights.items() if value.dtype in FLOATS and not torch.isfinite(value).all()]


def matched(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """Return the names that are in both with the same shape."""
    return [key for key, value in weights.items() if key in expected and value.shape == expected[key].shape]
