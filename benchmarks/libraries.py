"""HRNet of other libraries, filled with the weights of a segmentor of mmseg where the library has the same network."""

import copy
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

TIMM = {'W18-Small-v1': 'hrnet_w18_small', 'W18': 'hrnet_w18', 'W48': 'hrnet_w48'}
SMP = 'segmentation-models-pytorch'
OPERATORS = ('nms', 'qnms')
SIGNATURE = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'


def add_peers(folder: Path | None) -> None:
    """Make the packages of ``folder`` importable, behind all others, and torchvision among them.

    They have a folder of their own because mmseg imports timm wherever it finds it: that takes time, and fails
    where torchvision was built for another torch (one with CUDA beside one without). HRNet needs none of the operators
    that are missing then, so their names are enough.
    """
    if folder is not None:
        sys.path.append(str(folder))
    if importlib.util.find_spec('torchvision') is None:
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
        for name in OPERATORS:
            torch.library.define(f'torchvision::{name}', SIGNATURE)


def missing(module: str, peers: Path | None) -> str | None:
    """Say what to do about a library that is not there, nor in the folder ``peers``; None where it is."""
    if PathFinder.find_spec(module, [*sys.path, *([str(peers)] if peers else [])]) is not None:
        return None
    return f'no {module}: it comes with make bench, or with the extra "bench"'


class TimmBranches(nn.Module):
    """The four maps of timm's HRNet, as mmseg's ``HRNet`` returns them.

    timm's fuse layers repeat pixels, as the classification networks of the paper do; here they interpolate, as the
    segmentation networks do and mmseg's, so that the same weights give the same maps.
    """

    def __init__(self, network: str) -> None:
        super().__init__()
        import timm

        self.body = timm.create_model(TIMM[network], features_only=True, feature_location='', pretrained=False)
        for module in self.body.modules():
            if isinstance(module, nn.Upsample):
                module.mode, module.align_corners = 'bilinear', False

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return maps at strides 4, 8, 16 and 32; timm's first is that of the stem."""
        return list(self.body(image))[1:]


def timm_segmentor(stock: Any, network: str) -> Any:
    """Return a copy of mmseg's segmentor on timm's HRNet, with the same weights."""
    backbone = TimmBranches(network)
    backbone.body.load_state_dict(stock.backbone.state_dict())
    segmentor = copy.deepcopy(stock)
    segmentor.backbone = backbone
    return segmentor.eval()


def smp_prediction(stock: Any, network: str) -> Callable[[dict[str, Any]], Tensor]:
    """Return how segmentation-models-pytorch predicts by its U-Net on timm's HRNet: another network, random weights.

    Images are normalised by mmseg's preprocessor.
    """
    import segmentation_models_pytorch as smp

    model = smp.Unet(f'tu-{TIMM[network]}', encoder_weights=None, classes=2).eval()

    def predict(batch: dict[str, Any]) -> Tensor:
        with torch.no_grad():
            classes: Tensor = model(stock.data_preprocessor(batch, False)['inputs']).argmax(dim=1)
        return classes

    return predict
