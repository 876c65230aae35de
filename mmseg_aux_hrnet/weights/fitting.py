"""Fills models from checkpoints completely or not at all, and says which keys stand in the way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.weights.reading import SAFETENSORS, read_checkpoint

# Parts of classification and segmentation networks that a backbone has no use for.
HEAD_PREFIXES = (
    'incre_modules.',
    'downsamp_modules.',
    'final_layer.',
    'classifier.',
    'last_layer.',
    'decode_head.',
    'auxiliary_head.',
    'loss.',
    'neck.',
    'head.',
)
# Auxiliary decoders take no part in prediction, so a checkpoint may have or lack them.
TRAINING_ONLY = 'auxiliary_head.'
LISTED_KEYS = 4
RUN_STATE = ('meta', 'message_hub', 'optimizer', 'param_schedulers')
CONVERT = 'tools/convert_checkpoint.py'


def state_dict_of(content: Mapping[str, Any], *, source: str | Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint, without the prefix that data-parallel wrappers add.

    Raises:
        CheckpointError: the content holds no weights, or two under one name.
    """
    state = content.get('state_dict', content)
    if not isinstance(state, Mapping):
        raise CheckpointError(f'{source} holds a {type(state).__name__} as state_dict, not a dictionary of weights')
    weights = {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    if not weights:
        held = ', '.join(map(str, list(state)[:LISTED_KEYS])) or 'nothing'
        raise CheckpointError(
            f'{source} holds no weights: expected tensors or a state_dict of tensors, and it holds {held}'
        )
    return without_prefix(weights, 'module.', source=source)


def without_prefix(weights: Mapping[str, Tensor], prefix: str, *, source: str | Path) -> dict[str, Tensor]:
    """Return the weights with ``prefix`` taken off the names that have it.

    Raises:
        CheckpointError: two weights would get one name.
    """
    bare = {key.removeprefix(prefix): value for key, value in weights.items()}
    if len(bare) < len(weights):
        twice = next(key for key in bare if key in weights and prefix + key in weights)
        raise CheckpointError(f'{source} holds both {twice} and {prefix}{twice}: keep the ones you mean')
    return bare


def mismatches(expected: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Return the keys that stand in the way of an exact load, by kind: missing, unexpected, other shape."""
    reshaped = [
        f'{key} {tuple(got[key].shape)} instead of {tuple(value.shape)}'
        for key, value in expected.items()
        if key in got and got[key].shape != value.shape
    ]
    missing = [key for key in expected if key not in got and not key.endswith('num_batches_tracked')]
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
    """Return the weights whose names start with none of the prefixes."""
    return {key: value for key, value in weights.items() if not key.startswith(prefixes)}


def _bare(model: nn.Module) -> nn.Module:
    """Return the segmentor inside what averages over scales or trains it in several processes."""
    inner = getattr(model, 'module', None)
    return _bare(inner) if isinstance(inner, nn.Module) else model


def load_model_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Fill a segmentor from a checkpoint, exactly, and return the checkpoint's ``meta``.

    Auxiliary decoders may be missing on either side: they take no part in prediction.

    Raises:
        CheckpointError: the weights are those of another architecture; the message says which keys differ.
    """
    content = read_checkpoint(path)
    got = state_dict_of(content, source=path)
    model = _bare(model)
    expected = model.state_dict()
    faults = mismatches(without(expected, TRAINING_ONLY), without(got, TRAINING_ONLY))
    if any(faults.values()):
        raise CheckpointError(
            f'{path} does not fit the model of this config: {describe(faults)}; '
            f'use the config that the checkpoint was trained with{_hint(got)}'
        )
    if any(mismatches(expected, got).values()):
        print_log(f'{path}: auxiliary heads differ from the config; they take no part in testing', logger='current')
        got = without(got, TRAINING_ONLY)
    model.load_state_dict(got, strict=False)
    meta = content.get('meta')
    return meta if isinstance(meta, dict) else {}


def load_backbone_weights(backbone: nn.Module, path: str | Path) -> None:
    """Fill every weight of a backbone from an ImageNet file or from a whole network's checkpoint.

    Raises:
        CheckpointError: a weight is missing or has another shape, or the file holds parts of something else.
    """
    got = state_dict_of(read_checkpoint(path), source=path)
    for prefix in ('model.', 'backbone.'):
        if any(key.startswith(prefix) for key in got):
            got = {key.removeprefix(prefix): value for key, value in got.items()}
    got = without(got, HEAD_PREFIXES)
    faults = mismatches(backbone.state_dict(), got)
    if any(faults.values()):
        raise CheckpointError(
            f'{path} does not fit the backbone {getattr(backbone, "arch", type(backbone).__name__)}: '
            f'{describe(faults)}; give the weights of this arch, or --pretrained none'
        )
    backbone.load_state_dict(got, strict=False)


def _hint(weights: Mapping[str, Tensor]) -> str:
    official = any(key.removeprefix('model.').startswith('last_layer.') for key in weights)
    return f'; this one is of the official HRNet code: convert it with {CONVERT}' if official else ''


def check_mmengine_reads(path: Path) -> None:
    """Raise where mmengine itself would have to load a ``.safetensors`` file, which not every torch does for it.

    Raises:
        CheckpointError: says how to make a ``.pth`` of it.
    """
    if path.suffix == SAFETENSORS:
        raise CheckpointError(f'{path}: mmengine starts from .pth files only; convert it with {CONVERT}')


def check_fits(model: nn.Module, path: Path) -> dict[str, Any]:
    """Raise unless mmengine can safely load ``path`` and fill ``model`` exactly; return its content.

    mmengine itself would fall back to running code from the file, and skip what does not fit.

    Raises:
        CheckpointError: see :func:`read_checkpoint`; or keys or shapes differ.
    """
    check_mmengine_reads(path)
    content = read_checkpoint(path)
    faults = mismatches(_bare(model).state_dict(), state_dict_of(content, source=path))
    if any(faults.values()):
        raise CheckpointError(f'{path} is not from this config: {describe(faults)}; use it with its own config')
    return content


def check_resumable(model: nn.Module, path: Path) -> None:
    """Raise unless a run of ``model`` can go on from ``path``.

    Raises:
        CheckpointError: see :func:`check_fits`; or the file holds weights only.
    """
    content = check_fits(model, path)
    absent = [part for part in RUN_STATE if part not in content]
    if absent:
        raise CheckpointError(
            f'{path} holds no state of a run ({", ".join(absent)}): resume from iter_N.pth or epoch_N.pth of a work dir'
        )


COUNTER = 'num_batches_tracked'  # of batch norm; files of torch before 0.4.1 lack it, and prediction does not use it
NARROW = (torch.float16, torch.bfloat16)
FLOATS = (*NARROW, torch.float32, torch.float64)


def widened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with those of half precision as float32, which holds each of their values."""
    return {key: value.float() if value.dtype in NARROW else value for key, value in weights.items()}


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
