"""Writes checkpoints that are whole or not there, with plain values beside the tensors only."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_safetensors

from mmseg_aux_hrnet.errors import CheckpointError
from mmseg_aux_hrnet.files.outputs import check_file
from mmseg_aux_hrnet.files.whole import write_whole
from mmseg_aux_hrnet.weights.checkpoint import SAFETENSORS, SAFETENSORS_META

SUFFIXES = ('.pth', SAFETENSORS)


def check_target(path: Path, *, source: Path, overwrite: bool) -> None:
    """Raise where a checkpoint cannot be written to ``path``, before any work is done for it.

    Raises:
        CheckpointError: the name says no format.
        ConfigError: it is the source, a folder, or exists and may not be replaced.
    """
    if path.suffix not in SUFFIXES:
        raise CheckpointError(f'{path} does not name a format: its name must end in {" or ".join(SUFFIXES)}')
    check_file(path, inputs=[source], overwrite=overwrite)


def checkpoint_bytes(content: Mapping[str, Any], *, suffix: str) -> bytes:
    """Return the file of a checkpoint; the same content gives the same bytes.

    Args:
        content: weights by name, or ``state_dict`` and ``meta`` of plain values.
        suffix: one of ``SUFFIXES``. A ``.safetensors`` file holds weights, and ``meta`` as JSON.
    """
    bare = 'state_dict' not in content
    # Of a tensor that is part of a larger one, torch would write the larger one, and safetensors refuses it.
    state = content if bare else content['state_dict']
    weights = {key: value.detach().clone().contiguous() for key, value in state.items()}
    if suffix == SAFETENSORS:
        # One entry: of several, the order is another one each time.
        described = {'format': 'pt'} if bare else {SAFETENSORS_META: json.dumps(content['meta'])}
        return save_safetensors(weights, metadata=described)
    buffer = io.BytesIO()
    torch.save(weights if bare else {**content, 'state_dict': weights}, buffer)
    return buffer.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing.

    Raises:
        CheckpointError: it cannot be written, such as on a full disk.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise CheckpointError(
            f'{path} cannot be written ({error.strerror or error}): nothing is left there; make room, or choose '
            'another folder'
        ) from error
