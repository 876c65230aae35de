"""The formats of exported files, ONNX and ``.pt2`` of torch.export: their bytes, and functions that run them."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from mmseg_aux_hrnet.errors import ExportError, StackError
from mmseg_aux_hrnet.exchange.export.tracing import brief, quiet_tracing
from mmseg_aux_hrnet.run.rgb_network import INPUT, Form
from mmseg_aux_hrnet.version import __version__

OPSET = 18  # the lowest that torch's exporter writes; onnxruntime knows it since 1.14
IR_VERSION = 8  # that of opset 18: an older onnxruntime, such as that of a QGIS plugin, refuses a newer one
ONNX, PT2 = '.onnx', '.pt2'
METADATA_FILE = 'metadata.json'  # among the extra files of a .pt2
PRODUCER = 'mmseg_aux_hrnet'
AXES = ('batch', None, 'height', 'width')
Run = Callable[[NDArray[Any]], dict[str, NDArray[Any]]]


def check_available() -> None:
    """Raise unless everything is installed that ONNX files need.

    Raises:
        StackError: names the extra to install.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise StackError(
            f'ONNX files need onnx, onnxscript and onnxruntime ({error}): pip install "mmseg-aux-hrnet[export]", or '
            'write a .pt2 file, which needs nothing else'
        ) from error


def onnx_bytes(program: ExportedProgram, *, form: Form, metadata: dict[str, Any], fuse: bool) -> bytes:
    """Return the content of an ONNX file.

    Args:
        program: the traced graph.
        form: what goes in and out.
        metadata: written as JSON, key by key; its texts also as documentation of model, input and outputs.
        fuse: let the optimiser join batch norms and convolutions; else it only evaluates what is constant.

    Raises:
        ExportError: the network has an operation that ONNX lacks.
    """
    from onnxscript import optimizer

    try:
        with quiet_tracing():
            converted = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(form.outputs),
                external_data=False,
                optimize=fuse,
                verbose=False,
            )
            assert converted is not None  # torch returns nothing only where it writes the file itself
            if not fuse:
                optimizer.fold_constants(converted.model)
                optimizer.remove_unused_nodes(converted.model)
    except Exception as error:  # any error of the conversion
        raise ExportError(f'this network cannot be written as ONNX: {brief(error)}; try a .pt2 file') from error
    model = converted.model_proto
    _tidy(model, form)
    _describe(model, metadata)
    return bytes(model.SerializeToString())


def _describe(model: Any, metadata: dict[str, Any]) -> None:
    """Write what the file says of itself where viewers such as Netron look: as text, and the rest by key."""
    model.producer_name, model.producer_version = PRODUCER, __version__
    model.doc_string = metadata.get('description', '')
    meanings = {INPUT: metadata.get('input', {}), **metadata.get('outputs', {})}
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = meanings.get(value.name, {}).get('meaning', '')
    for key, value in metadata.items():
        if key != 'description':
            model.metadata_props.add(key=key, value=json.dumps(value))


def _tidy(model: Any, form: Form) -> None:
    """Name the free axes, and drop what torch notes about its own tracing, file names of this machine among it."""
    model.ir_version = IR_VERSION
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]  # its axes have torch's names
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ''
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        sizes = value.type.tensor_type.shape.dim
        names = AXES if len(sizes) == len(AXES) else [name for name in AXES if name]
        for axis, name in zip(sizes, names, strict=True):
            if axis.dim_param and name:
                axis.dim_param = name


def pt2_bytes(program: ExportedProgram, *, metadata: dict[str, Any]) -> bytes:
    """Return the content of a ``.pt2`` file, with the metadata as ``metadata.json`` among its extra files."""
    buffer = io.BytesIO()
    with quiet_tracing():
        torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(metadata)})
    return buffer.getvalue()


def load(path: Path, *, suffix: str, form: Form) -> Run:
    """Return a function that runs an exported file on the CPU.

    Args:
        path: the file, with any name.
        suffix: its format, ``.onnx`` or ``.pt2``.
        form: what goes in and out.

    Raises:
        ExportError: its runtime does not take it.
    """
    try:
        if suffix == ONNX:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4  # what is wrong comes as an exception
            session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=['CPUExecutionProvider'])
            names = [output.name for output in session.get_outputs()]

            def compute(image: NDArray[Any]) -> Any:
                return session.run(names, {INPUT: image})
        else:
            with quiet_tracing():
                module = torch.export.load(io.BytesIO(path.read_bytes())).module()
            names = list(form.outputs)

            def compute(image: NDArray[Any]) -> Any:
                return module(torch.from_numpy(image))
    except Exception as error:  # any error of a runtime
        raise ExportError(f'the file cannot be loaded: {brief(error)}') from error

    def run(image: NDArray[Any]) -> dict[str, NDArray[Any]]:
        with torch.no_grad():
            values = compute(image)
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}

    return run
