"""Reads weight files without running code from them: the one place where a file is loaded."""

import json
import pickle
import re
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors import SafetensorError, safe_open

from mmseg_aux_hrnet.errors import CheckpointError

NUMPY_CORES = ('numpy._core', 'numpy.core')  # numpy 2 and 1: a file names that of the numpy which wrote it
HISTORY_METHODS = ('min', 'max', 'mean', 'current')
SAFETENSORS = '.safetensors'
CAUSES = ('Unsupported', 'GLOBAL', 'but got')  # words of the line that names what torch does not take
NO_FORM = 'it is not in the form that torch.save writes'
SAFETENSORS_META = 'mmseg_aux_hrnet.meta'  # key of the file's own metadata that holds ``meta`` as JSON


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


def read_checkpoint(path: str | Path, *, trust: bool = False) -> dict[str, Any]:
    """Return the content of a ``.pth`` or ``.safetensors`` checkpoint, on the CPU, without running any code from it.

    Args:
        path: the file. A ``.safetensors`` file comes as ``state_dict``, and ``meta`` where this package wrote it.
        trust: run the code of a file that cannot be read without. It can do anything that its reader can do.

    Raises:
        CheckpointError: the file is missing, is no checkpoint, is damaged, or needs code to be run.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path} is not a file: give the path of a .pth or {SAFETENSORS} checkpoint')
    if path.suffix == SAFETENSORS:
        return _read_safetensors(path)
    allow_own_checkpoints()  # again: mmengine's fork takes off the list what it had put on it too
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of forms that torch would not write itself: they are read, or refused
            content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        if not trust:
            raise CheckpointError(f'{path} {_refusal(path, _reason(error))}') from error
        content = _run_and_read(path)
    except Exception as error:  # damage can show in any way
        raise CheckpointError(f'{path} is no readable checkpoint: {_reason(error)}') from error
    if not isinstance(content, dict):
        raise CheckpointError(f'{path} holds a {type(content).__name__}, not a dictionary of weights')
    return content


def _refusal(path: Path, reason: str) -> str:
    if reason == NO_FORM and not is_zipfile(path):
        return f'is no readable checkpoint: {reason}'
    return (
        f'is refused: damaged, or it wants to run code ({reason}); if you trust its maker, '
        f'tools/convert_checkpoint.py {path.name} OUT --trust runs that and writes a clean file'
    )


def _run_and_read(path: Path) -> Any:
    try:
        return torch.load(path, map_location='cpu', weights_only=False)
    except Exception as error:  # the file's own code can fail in any way
        raise CheckpointError(
            f'{path} cannot be read with its code either: {type(error).__name__}: {_reason(error)}'
        ) from error


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework='pt', device='cpu') as file:
            weights = {key: file.get_tensor(key) for key in file.keys()}
            text = (file.metadata() or {}).get(SAFETENSORS_META)
        meta = None if text is None else json.loads(text)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is no readable checkpoint: {_reason(error)}') from error
    if not isinstance(meta, dict):
        return {'state_dict': weights}
    described = meta.get('dataset_meta')
    if isinstance(described, dict) and isinstance(described.get('classes'), list):
        described['classes'] = tuple(described['classes'])  # JSON knows lists only
    return {'meta': meta, 'state_dict': weights}


def _reason(error: Exception) -> str:
    """Return the sentence of a message that names the cause, without torch's advice to trust the file."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # The first two say nothing but a number, or nothing, about bytes that are no pickle.
    if isinstance(error, (KeyError, EOFError)) or any(line.startswith('Unsupported operand') for line in lines):
        return NO_FORM
    named = next((line for line in lines if any(word in line for word in CAUSES)), lines[0])
    return re.split(r'\. (?=[A-Z])', named)[0].rstrip('.')
