"""A trained model as a function from images, RGB or of other bands, to class probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.classes import map_classes
from mmseg_aux_hrnet.errors import ConfigError, ResourceError, counted, one_line
from mmseg_aux_hrnet.maps.predict.model import ModelFacts
from mmseg_aux_hrnet.models import speed
from mmseg_aux_hrnet.models.segmentors.preprocessing import swaps_channels
from mmseg_aux_hrnet.run import config as run_config
from mmseg_aux_hrnet.run.rgb_network import PREDICTION, ExportGraph
from mmseg_aux_hrnet.run.trained_model import LEAST_WINDOW, TrainedModel, load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint, best_checkpoint
from mmseg_aux_hrnet.weights.zoo import zoo_model


class View(NamedTuple):
    """One way to look at an image.

    Attributes:
        turns: quarter turns, counter-clockwise, after mirroring.
        mirrored: left and right exchanged.
        scale: by which height and width are multiplied.
    """

    turns: int = 0
    mirrored: bool = False
    scale: float = 1.0


VIEWS = {
    'none': (View(),),
    'flip': (View(), View(mirrored=True)),
    'd4': tuple(View(turns, mirrored) for mirrored in (False, True) for turns in range(4)),
    'scales': tuple(View(scale=scale) for scale in (0.75, 1.0, 1.25)),
}


def mean_over_views(predict: Callable[[Tensor], Tensor], images: Tensor, views: Sequence[View]) -> Tensor:
    """Return the mean of the probabilities of all views, each brought back to the images, float32 (N, classes, H, W).

    Args:
        predict: images (N, bands, H, W) to probabilities (N, classes, H, W).
        images: uint8 (N, bands, H, W).
        views: at least one.
    """
    size = images.shape[2], images.shape[3]
    total: Tensor | None = None
    for view in views:
        seen = images.flip(3) if view.mirrored else images
        if view.turns:
            seen = seen.rot90(view.turns, dims=(2, 3))
        if view.scale != 1:
            height, width = (max(1, round(side * view.scale)) for side in seen.shape[2:])
            enlarged = functional.interpolate(seen.float(), (height, width), mode='bilinear', antialias=True)
            seen = enlarged.clamp(0, 255)
        # Back in the reverse order: the image was mirrored first, so the probabilities are mirrored last.
        probabilities = predict(seen)
        if view.scale != 1:
            probabilities = functional.interpolate(probabilities, size, mode='bilinear', antialias=True)
        if view.turns:
            probabilities = probabilities.rot90(-view.turns, dims=(2, 3))
        if view.mirrored:
            probabilities = probabilities.flip(3)
        total = probabilities if total is None else total + probabilities
    assert total is not None  # there is at least one view
    return total / len(views)


LONGEST_REASON = 200  # characters


class Predictor:
    """Predicts class probabilities of images, by the same network as exported files.

    Images hold the bands that the model was trained on, in the order of ``facts.bands``: RGB unless it says otherwise.

    Images of any size are filled up and the results cut back as :func:`~mmseg_aux_hrnet.models.fill_sizes` says.

    Args:
        source: the trained model.
        device: such as ``cpu`` or ``cuda:1``; None for the first GPU, or the CPU where there is none.
        tta: test-time augmentation, a key of ``VIEWS``: probabilities are averaged over mirrored, turned or resized
            images.
        amp: compute in half precision where that is safe; probabilities stay float32.
        level: how the network computes, see :func:`mmseg_aux_hrnet.models.speed.apply`.

    Raises:
        ConfigError: the device, augmentation or level does not exist.
    """

    def __init__(
        self,
        source: TrainedModel,
        *,
        device: str | None = None,
        tta: str = 'none',
        amp: bool = False,
        level: speed.Level = speed.DEFAULT,
    ) -> None:
        if tta not in VIEWS:
            raise ConfigError(f'tta {tta!r} is unknown: give one of {", ".join(VIEWS)}')
        self.device = _device(device)
        self._views = VIEWS[tta]
        # Older GPUs know no bfloat16, whose range is that of float32, so that nothing overflows in it.
        no_bfloat16 = self.device.type == 'cuda' and not torch.cuda.is_bf16_supported()
        self._half = torch.float16 if no_bfloat16 else torch.bfloat16
        self._amp = amp
        self._network = ExportGraph(source.model, decision=None, form=PREDICTION, fuse=False).to(self.device)
        speed.apply(self._network.segmentor, level)
        self.facts = _facts(source, {'TTA': tta, 'AMP': 'yes' if amp else 'no', 'SPEED': level})

    @classmethod
    def from_files(
        cls,
        config: str | Path,
        checkpoint: str | Path,
        *,
        threshold: str | float | None = None,
        cfg_options: Sequence[str] = (),
        **settings: Any,
    ) -> 'Predictor':
        """Return the predictor of a config and a checkpoint.

        Args:
            config: the config that the checkpoint was trained with.
            checkpoint: a checkpoint, or a work dir: its best checkpoint, else its last.
            threshold: on the probability of the class of interest; ``argmax`` for none; None for what the checkpoint
                or the head says.
            cfg_options: settings of the config to override, ``KEY=VALUE``.
            **settings: ``device``, ``tta``, ``amp`` and ``level`` of the class.

        Raises:
            CheckpointError: the checkpoint cannot be read, or does not fit.
            ConfigError: the config or a setting is wrong.
        """
        merged = run_config.load_config(config, run_config.parse_options(cfg_options))
        option = None if threshold is None else str(threshold)
        source = load_trained_model(
            merged, Checkpoint(best_checkpoint(Path(checkpoint)), hashed=True), threshold=option
        )
        return cls(source, **settings)

    @classmethod
    def from_zoo(cls, name: str, **settings: Any) -> 'Predictor':
        """Return the predictor of a network that comes with the package.

        Its maps are predicted at its own ground sampling distance, where the raster tells the one that it has.

        Args:
            name: such as ``green``; ``python tools/zoo.py`` lists them.
            **settings: as in :meth:`from_files`.

        Raises:
            CheckpointError: the file of the network is damaged.
            ConfigError: the network does not exist, or a setting is wrong.
        """
        model, path = zoo_model(name)
        predictor = cls.from_files(f'{run_config.OWN_SCOPE}{model.config}', path, **settings)
        predictor.facts = replace(predictor.facts, gsd=model.gsd, gsd_range=model.gsd_range)
        return predictor

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (classes, H, W), of an image, uint8 (H, W, bands)."""
        probabilities: NDArray[np.float32] = self.predict(image[None])[0]
        return probabilities

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes, H, W), of images, uint8 (N, H, W, bands).

        Raises:
            ConfigError: the images are of another form, or the network cannot take their size.
        """
        bands = self.facts.bands
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != len(bands.names):
            raise ConfigError(
                f'images are {images.dtype} {images.shape}: {bands.words} as uint8 (N, height, width, '
                f'{len(bands.names)}) is needed'
            )
        # Copied: arrays of memory maps and of flipped images cannot be shared with torch.
        batch = torch.tensor(images).to(self.device).permute(0, 3, 1, 2)
        try:
            with torch.inference_mode():
                mean = mean_over_views(self._probabilities, batch, self._views)
        except torch.OutOfMemoryError as error:
            raise ResourceError(
                f'{self.device} has too little memory for {counted(len(images), "window")} of {images.shape[1]} x '
                f'{images.shape[2]} pixels: give a smaller --batch-size, then a smaller --window'
            ) from error
        except RuntimeError as error:  # how networks refuse a size that they cannot take
            raise ConfigError(
                f'this network cannot predict windows of {images.shape[1]} x {images.shape[2]} pixels '
                f'({one_line(error)[:LONGEST_REASON]}): give another --window'
            ) from error
        probabilities: NDArray[np.float32] = mean.cpu().numpy()
        return probabilities

    def _probabilities(self, images: Tensor) -> Tensor:
        """Return probabilities, float32 (N, classes, H, W), of images of any type, (N, bands, H, W)."""
        with torch.autocast(self.device.type, dtype=self._half, enabled=self._amp):
            (probabilities,) = self._network(images)
        float32: Tensor = probabilities.float()
        return float32


def _facts(source: TrainedModel, settings: dict[str, str]) -> ModelFacts:
    preprocessor = source.model.data_preprocessor
    mean = [round(value) for value in preprocessor.mean.flatten().tolist()]
    turned = len(mean) == len(RGB) and not swaps_channels(preprocessor)  # such a network is shown BGR
    decision = source.decision
    # Maps are tagged with it, and resume compares it: names and forms stay from version to version.
    record = {
        'MODEL': source.checkpoint_name,
        'MODEL_SHA256': source.checkpoint_sha256,
        'CONFIG': source.config_name,
        'CONFIG_SHA256': source.config_sha256,
        'THRESHOLD': 'argmax' if decision is None else f'{decision.class_name} from {decision.value:.9g}',
        **settings,
    }
    return ModelFacts(
        legend=map_classes(source.classes),
        decision=decision,
        window=(max(LEAST_WINDOW, source.tile[0]), max(LEAST_WINDOW, source.tile[1])),
        fill=tuple(mean[::-1] if turned else mean),
        gsd=source.gsd,
        record=record,
        bands=source.bands,
    )


def _device(name: str | None) -> torch.device:
    try:
        # With its number: a thread that predicts has a current GPU of its own.
        return torch.zeros(1, device=name or ('cuda' if torch.cuda.is_available() else 'cpu')).device
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise ConfigError(
            f'device {name} cannot be used ({one_line(error)[:LONGEST_REASON]}): give cpu, cuda or cuda:1'
        ) from error
