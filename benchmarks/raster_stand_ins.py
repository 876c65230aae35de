"""Stand-ins for the benchmarks of maps: a network that costs nothing, and rasters that are made on the fly."""

import platform
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import torch
from affine import Affine
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from numpy.typing import NDArray
from rasterio.windows import Window
from rich import box
from rich.table import Table

import mmseg_aux_hrnet
from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.maps.predict.model import MapModel, ModelFacts
from mmseg_aux_hrnet.maps.predict.predictor import Predictor

Floats = NDArray[np.float32]
CONFIG = 'hrnet/fcn_hr18s-v1_256x512_80k_singlegreen.py'
METRES = 0.5  # side of a pixel


class FreeModel:
    """Answers every window with the same smooth probabilities, of which only copies are made."""

    def __init__(self, classes: int, *, window: int) -> None:
        colours = tuple((7 * index % 256, 31 * index % 256, 97 * index % 256) for index in range(classes))
        names = tuple(f'class {index}' for index in range(classes))
        self.facts = ModelFacts(Classes(names, colours), window=(window, window))
        self.answer = smooth_probabilities(classes, side=window)

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, classes, H, W), of RGB images, uint8 (N, H, W, 3)."""
        count, height, width, _ = images.shape
        return np.broadcast_to(self.answer[:, :height, :width], (count, len(self.answer), height, width))


class CountingModel:
    """Counts the windows that a model is asked for."""

    def __init__(self, model: MapModel) -> None:
        self.model = model
        self.windows = 0

    @property
    def facts(self) -> ModelFacts:
        """Return those of the model."""
        return self.model.facts

    def predict(self, images: NDArray[np.uint8]) -> Floats:
        """Return probabilities, float32 (N, classes, H, W), of RGB images, uint8 (N, H, W, 3)."""
        self.windows += len(images)
        return self.model.predict(images)


def untrained_predictor(folder: Path) -> Predictor:
    """Return HRNet W18-Small-v1 with random weights, which costs the same as with trained ones."""
    path = mmseg_aux_hrnet.config(CONFIG)
    config = Config.fromfile(path).model
    config.backbone.init_cfg = None
    init_default_scope('mmseg')
    torch.manual_seed(0)
    checkpoint = folder / 'random.pth'
    torch.save({'state_dict': MODELS.build(config).state_dict(), 'meta': {}}, checkpoint)
    return Predictor.from_files(path, checkpoint, device='cpu')


def smooth_probabilities(classes: int, *, side: int) -> Floats:
    """Return probabilities with patches as in real maps, float32 (classes, side, side)."""
    rng = np.random.default_rng(0)
    fields = np.stack([cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), 12) for _ in range(classes)])
    powers = np.exp(100 * fields)
    probabilities: Floats = (powers / powers.sum(0)).astype(np.float32)
    return probabilities


def write_raster(
    path: Path,
    *,
    height: int,
    width: int,
    filled: int | None = None,
    tile: NDArray[np.uint8] | None = None,
    metres: float = METRES,
) -> None:
    """Write an RGB GeoTIFF of 512 x 512 tiles, uncompressed, with nodata 0.

    Args:
        path: the file.
        height: in pixels.
        width: in pixels.
        filled: one tile in so many, in each row of tiles, holds values; the others are not even in the file. None for
            all.
        tile: what each holds, uint8 (3, 512, 512); noise where None.
        metres: side of a pixel.
    """
    if tile is None:
        tile = np.random.default_rng(0).integers(1, 256, (3, 512, 512), dtype=np.uint8)
    profile = {
        'driver': 'GTiff', 'height': height, 'width': width, 'count': 3, 'dtype': 'uint8', 'nodata': 0, 'tiled': True,
        'blockxsize': 512, 'blockysize': 512, 'photometric': 'RGB', 'SPARSE_OK': True, 'BIGTIFF': 'IF_SAFER',
        'crs': 'EPSG:32611', 'transform': Affine(metres, 0, 4e5, 0, -metres, 4e6),
    }  # fmt: skip
    with rasterio.Env(GDAL_CACHEMAX=64), rasterio.open(path, 'w', **profile) as out:
        for row, top in enumerate(range(0, height, 512)):
            for column, left in enumerate(range(0, width, 512)):
                if filled is None or (row + column) % filled == 0:
                    size = min(512, height - top), min(512, width - left)
                    out.write(tile[:, : size[0], : size[1]], window=Window(left, top, size[1], size[0]))


def machine() -> str:
    """Return what a figure depends on."""
    where = f'{platform.machine()}, {platform.system()}, Python {platform.python_version()}'
    return f'{where}, torch {torch.__version__}, numpy {np.__version__}, GDAL {rasterio.__gdal_version__}'


def table(title: str, headings: list[str], rows: list[list[Any]]) -> Table:
    """Return rows as a table."""
    out = Table(*headings, title=title, title_justify='left', box=box.SIMPLE_HEAD)
    for row in rows:
        out.add_row(*map(str, row))
    return out
