"""Writes and runs ``.pt2`` files, the archives of ``torch.export``."""

import io
import json
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from mmseg_aux_hrnet.export.graph import Form, quiet_tracing
from mmseg_aux_hrnet.export.onnx_file import Run

METADATA_FILE = 'metadata.json'


def to_bytes(program: ExportedProgram, *, metadata: dict[str, Any]) -> bytes:
    """Return the content of a ``.pt2`` file, with the metadata as ``metadata.json`` among its extra files."""
    buffer = io.BytesIO()
    with quiet_tracing():
        torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(metadata)})
    return buffer.getvalue()


def load(path: Path, *, form: Form) -> Run:
    """Return a function that runs a ``.pt2`` file on the CPU."""
    with quiet_tracing():
        module = torch.export.load(io.BytesIO(path.read_bytes())).module()

    def run(image: NDArray[Any]) -> dict[str, NDArray[Any]]:
        with torch.no_grad():
            values = module(torch.from_numpy(image))
        return {name: value.numpy() for name, value in zip(form.outputs, values, strict=True)}

    return run
