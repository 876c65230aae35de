"""Contenders that predict images, each built in the process where it works and without the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contenders import leaf, our_segmentor, stock_segmentor, without_gradients
from libraries import SMP, add_peers, smp_prediction, timm_segmentor
from noise import batch
from numpy.typing import NDArray
from results import OURS, STOCK

MAX = f'{OURS}, --speed max'
TIMM, ONNXRUNTIME, OPENVINO = 'timm', 'onnxruntime', 'openvino'
NEEDS = {  # modules of each
    TIMM: ('timm',),
    SMP: ('segmentation_models_pytorch',),
    ONNXRUNTIME: ('onnxruntime', 'onnxscript'),
    OPENVINO: ('openvino', 'onnxscript'),
}
SPEEDS: dict[str, dict[str, Any]] = {OURS: {}, MAX: {'level': 'max'}}
Predict = Callable[[dict[str, Any]], Any]


class Predictor:
    """Predicts images of noise; all but that of segmentation-models-pytorch have the same network and weights.

    Args:
        who: STOCK, or of SPEEDS or NEEDS.
        network: of the configs.
        threads: of runtimes of ONNX files, which do not go by torch's.
        peers: where packages lie, if apart.
    """

    def __init__(self, who: str, *, network: str, threads: int, peers: Path | None) -> None:
        self._predict = _predict_of(who, network, threads=threads, peers=peers)

    def prepare(self, images: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """Make images, (height, width), and return the probabilities, (N, classes, H, W), or classes, (N, H, W)."""
        self._given = batch(images, size=size)
        return _array(self._predict(self._given))

    def run(self) -> None:
        """Predict the images once."""
        self._predict(self._given)


def _predict_of(who: str, network: str, *, threads: int, peers: Path | None) -> Predict:
    model = leaf(network).model
    if who in SPEEDS:
        from at_speed import at_speed

        return without_gradients(at_speed(our_segmentor(model), **SPEEDS[who]).test_step)
    if who in (ONNXRUNTIME, OPENVINO):
        add_peers(peers)
        return _of_file(who, our_segmentor(model), threads=threads)
    stock = stock_segmentor(model)
    if who == STOCK:
        return without_gradients(stock.test_step)
    add_peers(peers)  # not before: mmseg, imported by now, would import timm
    if who == TIMM:
        return without_gradients(timm_segmentor(stock, network).test_step)
    return smp_prediction(stock, network)


def _of_file(runtime: str, segmentor: Any, *, threads: int) -> Predict:
    import exported  # here: only these need it

    return exported.prediction(exported.runtime(runtime, exported.onnx_content(segmentor), threads=threads))


def _array(prediction: Any) -> NDArray[Any]:
    if not isinstance(prediction, torch.Tensor):
        prediction = torch.stack([sample.seg_logits.data for sample in prediction]).float().softmax(dim=1)
    values: NDArray[Any] = prediction.numpy()
    return values
