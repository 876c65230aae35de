"""Runs the ONNX file of a network by a runtime, with a number of threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from numpy.typing import NDArray
from torch import Tensor

from mmseg_aux_hrnet.exchange.export import formats
from mmseg_aux_hrnet.exchange.export.tracing import trace
from mmseg_aux_hrnet.run.rgb_network import CLASSES, INPUT, PROBABILITIES, ExportGraph, Form

OUTPUTS = (PROBABILITIES, CLASSES)
Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def onnx_content(segmentor: Any) -> bytes:
    """Return the ONNX file of a segmentor whose batch norms are not folded yet: from an RGB image to probabilities."""
    segmentor.auxiliary_head = None
    segmentor.test_cfg = ConfigDict(mode='whole')
    form = Form(unit_range=False, outputs=OUTPUTS, foreground_only=False, half=False, fixed_size=None)
    program = trace(ExportGraph(segmentor, decision=None, form=form, fuse=True))
    return formats.onnx_bytes(program, form=form, metadata={}, fuse=True)


def runtime(name: str, content: bytes, *, threads: int) -> Run:
    """Return how a runtime computes the probabilities, float32 (N, classes, H, W), of RGB images."""
    return RUNTIMES[name](content, threads)


def _onnxruntime(content: bytes, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    return lambda image: session.run(OUTPUTS, {INPUT: image})[0]


def _openvino(content: bytes, threads: int) -> Run:
    import openvino

    settings = {'INFERENCE_NUM_THREADS': threads, 'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'f32'}
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(content, b''), 'CPU', settings)
    return lambda image: compiled(image)[0]


RUNTIMES = {'onnxruntime': _onnxruntime, 'openvino': _openvino}


def prediction(run: Run) -> Callable[[dict[str, Any]], Tensor]:
    """Return a function from a batch of a loader, blue first, to probabilities."""

    def predict(batch: dict[str, Any]) -> Tensor:
        images = torch.stack(batch['inputs']).flip(1).numpy()
        return torch.from_numpy(run(images))

    return predict
