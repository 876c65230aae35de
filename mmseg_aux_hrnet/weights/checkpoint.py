"""Checkpoints, read once and without running code from them: the one place where a weight file is loaded."""

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import is_zipfile

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.files.hashing import sha256_of

NUMPY_CORES = ('numpy._core', 'numpy.core')  # numpy 2 and 1: a file names that of the numpy which wrote it
HISTORY_METHODS = ('min', 'max', 'mean', 'current')
SAFETENSORS = '.safetensors'
SAFETENSORS_META = 'mmseg_aux_hrnet.meta'  # key of the file's own metadata that holds ``meta`` as JSON
CAUSES = ('Unsupported', 'GLOBAL', 'but got')  # words of the line that names what torch does not take
NO_FORM = 'it is not in the form that torch.save writes'
LISTED_KEYS = 4
# What torch puts into names, anywhere: torch.compile, checkpointed activations, sharded training.
WRAPPERS = ('_orig_mod.', '_checkpoint_wrapped_module.', '_fsdp_wrapped_module.')


class Checkpoint:
    """A ``.pth`` or ``.safetensors`` file that is opened once, when its content is asked for first.

    Results are kept, so one object gives the weights and the hash of a file.

    Args:
        path: the file.
        trust: run the code of a file that cannot be read without. It can do anything that its reader can do.
        hashed: hash the file while it is open, for later use of ``sha256``; this reads the whole file once more.
    """

    def __init__(self, path: str | Path, *, trust: bool = False, hashed: bool = False) -> None:
        self.path = Path(path)
        self._trust = trust
        self._hashed = hashed
        self._sha256: str | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of the file that ``content`` was read from, 64 hexadecimal digits; only with ``hashed``.

        Raises:
            CheckpointError: see :attr:`content`.
        """
        # Never of a second reading, which could meet another file under this name.
        _ = self.content
        assert self._sha256 is not None, 'Checkpoint(path, hashed=True) gives it'
        return self._sha256

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything in the file, on the CPU: ``state_dict``, ``meta`` and the like, or weights by name.

        A ``.safetensors`` file comes as ``state_dict``, and ``meta`` where this package wrote it.

        Raises:
            CheckpointError: the file is missing, is not a checkpoint, is damaged, or needs code to be run.
        """
        if not self.path.is_file():
            raise CheckpointError(f'{self.path} is not a file: give the path of a .pth or {SAFETENSORS} checkpoint')
        try:
            with self.path.open('rb') as file:
                if self._hashed:
                    self._sha256 = sha256_of(file)
                    file.seek(0)
                content: Any
                if self.path.suffix == SAFETENSORS:
                    content = _read_safetensors(file, path=self.path)
                else:
                    content = _read_pth(file, path=self.path, trust=self._trust)
        except OSError as error:
            raise CheckpointError(
                f'{self.path} cannot be read ({error.strerror}): give a checkpoint that you may read'
            ) from error
        if not isinstance(content, dict):
            raise CheckpointError(f'{self.path} holds a {type(content).__name__}, not a dictionary of weights')
        return content

    @property
    def meta(self) -> dict[str, Any]:
        """What the file says of itself; empty where it says nothing."""
        meta = self.content.get('meta')
        return meta if isinstance(meta, dict) else {}

    @property
    def saved_weights(self) -> dict[str, Tensor]:
        """The weights by the names that the file has, which may be none.

        Raises:
            CheckpointError: what should be the weights is something else.
        """
        state = self.content.get('state_dict', self.content)
        if not isinstance(state, Mapping):
            raise CheckpointError(
                f'{self.path} holds a {type(state).__name__} as state_dict, not a dictionary of weights'
            )
        return {str(key): value for key, value in state.items() if isinstance(value, Tensor)}

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """The weights by name, without what data-parallel, compiled and other wrappers add to it.

        Raises:
            CheckpointError: the file holds no weights, or two under one name.
        """
        state, weights = self.content.get('state_dict', self.content), self.saved_weights
        if not weights:
            found = ', '.join(map(str, list(state)[:LISTED_KEYS])) or 'nothing'
            raise CheckpointError(
                f'{self.path} holds no weights: expected tensors or a state_dict of tensors, and it holds {found}'
            )
        for wrapper in WRAPPERS:
            bare = {key.replace(wrapper, ''): value for key, value in weights.items()}
            if len(bare) < len(weights):
                raise CheckpointError(f'{self.path} holds weights with and without {wrapper}: keep the ones you mean')
            weights = bare
        return without_prefix(weights, 'module.', source=self.path)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return the content of a ``.pth`` or ``.safetensors`` checkpoint, on the CPU, without running any code from it.

    Raises:
        CheckpointError: see :attr:`Checkpoint.content`.
    """
    return Checkpoint(path).content


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


def allow_own_checkpoints() -> None:
    """Let ``torch.load`` read mmengine's checkpoints in its safe mode, in this process.

    The original mmengine hands no allow-list to ``torch.load``, which since torch 2.6 refuses its log histories; the
    fork's list lacks float32 scores, whereupon it loads the file unsafely.
    """
    multiarray = import_module(f'{NUMPY_CORES[int(np.__version__.split(".")[0]) < 2]}.multiarray')
    makers = [
        (getattr(multiarray, name), f'{core}.multiarray.{name}')
        for core in NUMPY_CORES
        for name in ('_reconstruct', 'scalar')
    ]
    dtypes = {type(np.dtype(name)) for name in ('bool', 'int32', 'int64', 'uint32', 'float32', 'float64')}
    getter = (_history_method, 'builtins.getattr')
    torch.serialization.add_safe_globals([getter, HistoryBuffer, *makers, np.ndarray, np.dtype, *dtypes])


def _history_method(owner: Any, name: str) -> Any:
    """Stand in for the ``getattr`` that pickled log histories call: it only hands out their four statistics."""
    if owner is not HistoryBuffer or name not in HISTORY_METHODS:
        raise pickle.UnpicklingError(f'Unsupported attribute {name} of {owner}')
    return getattr(owner, name)


def _read_pth(file: BinaryIO, *, path: Path, trust: bool) -> Any:
    allow_own_checkpoints()  # again: mmengine's fork takes off the list what it had put on it too
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of forms that torch would not write itself: they are read, or refused
            return torch.load(file, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _reason(error)
        if reason == NO_FORM and not trust and not is_zipfile(file):
            raise CheckpointError(f'{path} is not a readable checkpoint: {reason}') from error
        if not trust:
            raise CheckpointError(
                f'{path} is refused: it is damaged, or it wants to run code ({reason}); if you trust its maker, '
                f'tools/convert_checkpoint.py {path.name} OUT --trust runs the code and writes a clean file'
            ) from error
    except Exception as error:  # damage can show in any way
        raise CheckpointError(f'{path} is not a readable checkpoint: {_reason(error)}') from error
    file.seek(0)
    try:
        return torch.load(file, map_location='cpu', weights_only=False)
    except Exception as error:  # the file's own code can fail in any way
        raise CheckpointError(
            f'{path} cannot be read with its code either: {type(error).__name__}: {_reason(error)}'
        ) from error


def _read_safetensors(file: BinaryIO, *, path: Path) -> dict[str, Any]:
    try:
        # In memory twice until the end, because the loader copies: one that maps the file would open it by its name.
        data = file.read()
        weights = load_safetensors(data)
        # The loader of bytes hands out no metadata: they are in the header, JSON behind its length in 8 bytes.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], 'little')])
        text = header.get('__metadata__', {}).get(SAFETENSORS_META)
        meta = None if text is None else json.loads(text)
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is not a readable checkpoint: {_reason(error)}') from error
    if not isinstance(meta, dict):
        return {'state_dict': weights}
    described = meta.get('dataset_meta')
    if isinstance(described, dict) and isinstance(described.get('classes'), list):
        described['classes'] = tuple(described['classes'])  # JSON knows lists only
    return {'meta': meta, 'state_dict': weights}


def _reason(error: Exception) -> str:
    """Return the sentence of a message that names the cause, without torch's advice to trust the file."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # The first two say nothing but a number, or nothing, about bytes that are not a pickle.
    if isinstance(error, (KeyError, EOFError)) or any(line.startswith('Unsupported operand') for line in lines):
        return NO_FORM
    named = next((line for line in lines if any(word in line for word in CAUSES)), lines[0])
    return re.split(r'\. (?=[A-Z])', named)[0].rstrip('.')
