"""Reads weight files without running code from them, and fills models completely or not at all."""

import os
import pickle
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.dist import barrier
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import find_latest_checkpoint
from mmengine.runner.checkpoint import get_external_models
from torch import Tensor, nn

from mmseg_aux_hrnet.errors import CheckpointError

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
)
# Auxiliary decoders take no part in prediction, so a checkpoint may have or lack them.
TRAINING_ONLY = 'auxiliary_head.'
LISTED_KEYS = 4
RUN_STATE = ('meta', 'message_hub', 'optimizer', 'param_schedulers')
NUMPY_CORES = ('numpy._core', 'numpy.core')  # numpy 2 and 1: a file names that of the numpy which wrote it
OPEN_MMLAB = 'open-mmlab://'
HISTORY_METHODS = ('min', 'max', 'mean', 'current')


def _history_method(owner: Any, name: str) -> Any:
    """Stand in for the ``getattr`` that pickled log histories call: it only hands out their four statistics."""
    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(f'Unsupported attribute {name} of {owner}')
    return getattr(owner, name)


def _safe_globals() -> list[Any]:
    """Return what a checkpoint of mmengine holds besides tensors and plain Python values."""
    multiarray = import_module(f'{NUMPY_CORES[int(np.__version__.split(".")[0]) < 2]}.multiarray')
    makers = [
        (getattr(multiarray, name), f'{core}.multiarray.{name}')
        for core in NUMPY_CORES
        for name in ('_reconstruct', 'scalar')
    ]
    dtypes = {type(np.dtype(name)) for name in ('bool', 'int32', 'int64', 'uint32', 'float32', 'float64')}
    getter = (_history_method, 'builtins.getattr')
    return [getter, HistoryBuffer, *makers, np.ndarray, np.dtype, *dtypes]


def allow_own_checkpoints() -> None:
    """Let ``torch.load`` read mmengine's checkpoints in its safe mode, in this process.

    The original mmengine hands no allow-list to ``torch.load``, which since torch 2.6 refuses its log histories; the
    fork's list lacks float32 scores, whereupon it loads the file unsafely.
    """
    torch.serialization.add_safe_globals(_safe_globals())


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return the content of a checkpoint, on the CPU, without running any code from it.

    Raises:
        CheckpointError: the file is missing, is no checkpoint, is damaged, or needs code to be run.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path} is not a file: give the path of a .pth checkpoint')
    allow_own_checkpoints()  # again: mmengine's fork takes off the list what it had put on it too
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'{path} is refused: damaged, or it wants to run code ({_reason(error)})') from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f'{path} is no readable checkpoint: {_reason(error)}') from error
    if not isinstance(content, dict):
        raise CheckpointError(f'{path} holds a {type(content).__name__}, not a dictionary of weights')
    return content


def _reason(error: Exception) -> str:
    """Return the sentence of torch's message that names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if 'Unsupported' in line or 'GLOBAL' in line:
            return line
    return lines[0] if lines else type(error).__name__


def state_dict_of(content: Mapping[str, Any], *, source: str | Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint, without the prefix that data-parallel wrappers add.

    Raises:
        CheckpointError: the content holds no weights.
    """
    state = content.get('state_dict', content)
    if not isinstance(state, Mapping):
        raise CheckpointError(f'{source} holds a {type(state).__name__} as state_dict, not a dictionary of weights')
    weights = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(f'{source} holds no weights: expected tensors or a state_dict of tensors')
    return {key.removeprefix('module.'): value for key, value in weights.items()}


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


def _describe(faults: Mapping[str, list[str]]) -> str:
    parts = []
    for kind, keys in faults.items():
        if keys:
            more = f', and {len(keys) - LISTED_KEYS} more' if len(keys) > LISTED_KEYS else ''
            parts.append(f'{len(keys)} {kind} ({", ".join(keys[:LISTED_KEYS])}{more})')
    return '; '.join(parts)


def _without(weights: Mapping[str, Tensor], prefixes: str | tuple[str, ...]) -> dict[str, Tensor]:
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
    faults = mismatches(_without(expected, TRAINING_ONLY), _without(got, TRAINING_ONLY))
    if any(faults.values()):
        raise CheckpointError(
            f'{path} does not fit the model of this config: {_describe(faults)}; '
            'use the config that the checkpoint was trained with'
        )
    if any(mismatches(expected, got).values()):
        print_log(f'{path}: auxiliary heads differ from the config; they take no part in testing', logger='current')
        got = _without(got, TRAINING_ONLY)
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
    got = _without(got, HEAD_PREFIXES)
    faults = mismatches(backbone.state_dict(), got)
    if any(faults.values()):
        raise CheckpointError(
            f'{path} does not fit the backbone {getattr(backbone, "arch", type(backbone).__name__)}: '
            f'{_describe(faults)}; give the weights of this arch, or --pretrained none'
        )
    backbone.load_state_dict(got, strict=False)


def weights_file(source: str) -> Path:
    """Return the local file of a path or an address, downloaded once into torch's cache.

    Args:
        source: a path, an ``http(s)://`` address, or a name that mmengine lists, ``open-mmlab://msra/hrnetv2_w18``.

    Raises:
        CheckpointError: the file is not there and cannot be downloaded; says where to put it.
    """
    if source.startswith(OPEN_MMLAB):
        source = _published_address(source.removeprefix(OPEN_MMLAB))
    address = urlparse(source)
    if address.scheme not in ('http', 'https'):
        return Path(source)
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(address.path).name
    if not path.exists() and os.environ.get('LOCAL_RANK', '0') == '0':  # once on each machine
        _download(source, path)
    barrier()
    return path


def _published_address(name: str) -> str:
    addresses = get_external_models()
    if name not in addresses:
        known = ', '.join(key for key in addresses if 'hrnet' in key)
        raise CheckpointError(f'{OPEN_MMLAB}{name} is not published: use one of {known}')
    return str(addresses[name])


def _download(source: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(source, str(path))  # writes beside and renames
    except (URLError, OSError) as error:
        raise CheckpointError(
            f'ImageNet weights {path.name} are not here and could not be downloaded from {source} '
            f'({getattr(error, "reason", error)}): put the file at {path}, or name yours with --pretrained PATH, '
            'or start from random weights with --pretrained none'
        ) from error


def best_checkpoint(path: Path) -> Path:
    """Return ``path``, or where it is a work dir its newest ``best_*.pth``, else its last checkpoint.

    Raises:
        CheckpointError: the folder holds no checkpoint.
    """
    if not path.is_dir():
        return path
    best = max(path.glob('best_*.pth'), key=os.path.getmtime, default=None)
    if best is None:
        last = find_latest_checkpoint(str(path))
        best = None if last is None else Path(last)
    if best is None:
        raise CheckpointError(f'{path} holds no checkpoint: train with --work-dir {path} first')
    return best


def checkpoint_to_resume(request: str | None, work_dir: Path) -> Path | None:
    """Return the checkpoint that ``--resume`` means: a path, ``auto`` for the last one, None for a fresh start."""
    if request is None:
        return None
    if request != 'auto':
        return Path(request)
    last = find_latest_checkpoint(str(work_dir))
    if last is None:
        return None
    moved = work_dir / Path(last).name  # the work dir was renamed or copied since
    return moved if moved.is_file() else Path(last)


def check_fits(model: nn.Module, path: Path) -> dict[str, Any]:
    """Raise unless ``path`` is safe to load and fills ``model`` exactly; return its content.

    mmengine itself would fall back to running code from the file, and skip what does not fit.

    Raises:
        CheckpointError: see :func:`read_checkpoint`; or keys or shapes differ.
    """
    content = read_checkpoint(path)
    faults = mismatches(_bare(model).state_dict(), state_dict_of(content, source=path))
    if any(faults.values()):
        raise CheckpointError(f'{path} is not from this config: {_describe(faults)}; use it with its own config')
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
