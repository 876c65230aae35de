"""What gpu.py measures on one device: steps of training, forward passes and whole maps, by mmseg and here."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from at_speed import at_speed
from contenders import leaf, our_segmentor, stock_segmentor
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from noise import batch
from numpy.typing import NDArray
from raster_stand_ins import write_raster
from results import OURS, STOCK
from torch import Tensor

from mmseg_aux_hrnet.engine import BFloat16OptimWrapper
from mmseg_aux_hrnet.maps.predict.model import ModelFacts
from mmseg_aux_hrnet.maps.predict.predictor import Predictor
from mmseg_aux_hrnet.maps.predict.raster_map import predict_raster
from mmseg_aux_hrnet.maps.predict.settings import MapSettings

Work = Callable[[], Any]
STOCK_FULL, STOCK_HALF = f'{STOCK}, fp32', f'{STOCK}, AMP'
FULL, HALF, COMPILED = f'{OURS}, fp32', f'{OURS}, bf16', f'{OURS}, bf16, compiled'
LAST = ', channels_last'
WARM_UP = 3  # calls: cuDNN tries its algorithms in the first, a compiler works in the first two
PICTURE = Path(__file__).resolve().parents[1] / 'docs' / 'santa_monica.tif'
GSD = 0.3  # metres: that of the network of the zoo, so that no window is resampled


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def rate_of(work: Work, *, amount: float, seconds: float, device: torch.device) -> Callable[[], float]:
    """Warm a work up and return what measures it: ``amount`` a second, over as many calls as take ``seconds``."""

    def spent(calls: int) -> float:
        wait_for(device)
        start = time.perf_counter()
        for _ in range(calls):
            work()
        wait_for(device)
        return time.perf_counter() - start

    spent(WARM_UP)
    calls = max(1, math.ceil(seconds / spent(1)))
    return lambda: amount * calls / spent(calls)


class Steps:
    """Training steps of one network by several contenders, on the same batch and from the same weights.

    Args:
        network: of the configs.
        names: who trains: of STOCK_FULL, STOCK_HALF, FULL, HALF and COMPILED.
        device: where.
        images: of the batch.
        size: of an image, (height, width).
    """

    def __init__(
        self, network: str, names: Sequence[str], *, device: torch.device, images: int, size: tuple[int, int]
    ) -> None:
        self._given, model = batch(images, size=size), leaf(network).model
        self.losses: dict[str, float] = {}
        self.works: dict[str, Work] = {}
        for who in names:
            stock = who in (STOCK_FULL, STOCK_HALF)
            segmentor = (stock_segmentor if stock else our_segmentor)(model).to(device)
            if not stock:
                at_speed(segmentor, training=True, compiled=who == COMPILED)
            segmentor.train()
            sgd = torch.optim.SGD(segmentor.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
            kinds: dict[str, Any] = {STOCK_HALF: AmpOptimWrapper, HALF: BFloat16OptimWrapper}
            kinds[COMPILED] = BFloat16OptimWrapper
            wrapper = kinds.get(who, OptimWrapper)(optimizer=sgd)
            losses = segmentor.train_step(self._given, wrapper)
            self.losses[who] = float(losses['loss'].detach())
            self.works[who] = partial(segmentor.train_step, self._given, wrapper)

    def equal(self) -> str:
        """Raise unless the first losses agree; say how closely."""
        stock = self.losses[STOCK_FULL]
        apart = {who: abs(loss - stock) / stock for who, loss in self.losses.items()}
        assert apart.get(FULL, 0) < 1e-2, f'first losses differ: {self.losses}'  # GPUs multiply in TF32
        return f'same weights; first losses within {max(apart.values()):.0e}'


def step_names(device: torch.device, *, compiled: bool) -> list[str]:
    """Return who takes training steps on a device: mmengine's AMP needs a GPU."""
    half = [STOCK_HALF] if device.type == 'cuda' else []
    return [STOCK_FULL, *half, COMPILED] if compiled else [STOCK_FULL, *half, FULL, HALF]


class Forwards:
    """Forward passes of one network by several contenders: from normalised images to classes, all on the device.

    Args:
        network: of the configs.
        names: who predicts: STOCK_FULL, STOCK_HALF, FULL or HALF, the latter two also with LAST behind, or COMPILED.
        device: where.
    """

    def __init__(self, network: str, names: Sequence[str], *, device: torch.device) -> None:
        self._device, model = device, leaf(network).model
        model.auxiliary_head = None  # for training only
        self._segmentors = {}
        for who in names:
            if who in (STOCK_FULL, STOCK_HALF):
                self._segmentors[who] = stock_segmentor(model).to(device)
                continue
            segmentor = at_speed(our_segmentor(model).to(device), compiled=who == COMPILED)
            last = who.endswith(LAST) or who == COMPILED
            layout = {'memory_format': torch.channels_last} if last else {}
            for part in (segmentor.backbone, segmentor.decode_head):
                part.to(dtype=torch.bfloat16 if who.startswith(HALF) else None, **layout)
            segmentor.backbone.layout = 'channels_last' if last else 'given'
            self._segmentors[who] = segmentor

    def works(self, images: int, size: tuple[int, int]) -> dict[str, Work]:
        """Return the work of each contender on some images of noise, (height, width)."""
        first = next(iter(self._segmentors.values()))
        values = first.data_preprocessor(batch(images, size=size), False)['inputs'].to(self._device)
        return {who: partial(self._classes, who, values) for who in self._segmentors}

    def equal(self, works: dict[str, Work]) -> dict[str, str]:
        """Say of each contender at how many pixels it decides for another class than mmseg; raise where many."""
        expected = works[STOCK_FULL]()
        shares = {who: float((work() != expected).float().mean()) for who, work in works.items()}
        assert shares.get(FULL, 0) < 0.01, f'classes differ from those of {STOCK}: {shares}'
        return {who: f'same weights, {100 * share:.2g} % of pixels in another class' for who, share in shares.items()}

    def _classes(self, who: str, values: Tensor) -> Tensor:
        half = torch.float16 if self._device.type == 'cuda' else torch.bfloat16
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=half, enabled=who == STOCK_HALF),
        ):
            logits: Tensor = self._segmentors[who].encode_decode(values, [{'img_shape': values.shape[2:]}])
            return logits.argmax(dim=1)


def most_images(forwards: Forwards, counts: Sequence[int], *, size: tuple[int, int]) -> int:
    """Return the first of some counts of images, falling, for which every contender has memory."""
    for count in counts:
        try:
            for work in forwards.works(count, size).values():
                work()
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
        else:
            return count
    raise torch.OutOfMemoryError(f'not even {counts[-1]} images of {size[0]}x{size[1]} fit')


class TimedModel:
    """Adds up how long a model takes for its predictions, the copies to and from its device included."""

    def __init__(self, model: Predictor) -> None:
        self._model, self.seconds = model, 0.0

    @property
    def facts(self) -> ModelFacts:
        """Return those of the model."""
        return self._model.facts

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes, H, W), of images, uint8 (N, H, W, bands)."""
        start = time.perf_counter()
        probabilities = self._model.predict(images)
        self.seconds += time.perf_counter() - start
        return probabilities


def write_ground(path: Path, *, side: int) -> None:
    """Write a raster of ``side`` x ``side`` pixels that repeats the real one of the documentation."""
    with rasterio.open(PICTURE) as raster:
        picture: NDArray[np.uint8] = raster.read()
    write_raster(path, height=side, width=side, tile=np.concatenate([picture, picture[:, ::-1]], axis=1), metres=GSD)


def whole_map(raster: Path, *, device: torch.device, images: int, level: str) -> tuple[float, float]:
    """Make the map of a raster by the network of the zoo; return the seconds it took, and those in predictions."""
    amp = level != 'max'
    model = TimedModel(Predictor.from_zoo('green', device=str(device), amp=amp, level=level))
    model.predict(np.zeros((images, *model.facts.window, 3), np.uint8))  # what only a first batch takes
    model.seconds = 0.0
    start = time.perf_counter()
    settings = MapSettings(batch_size=images, overwrite=True)
    predict_raster(model, raster, raster.with_name('map_classes.tif'), settings)
    return time.perf_counter() - start, model.seconds
