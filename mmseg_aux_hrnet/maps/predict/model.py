"""What maps ask of a model, probabilities of windows and a few facts, whatever it is; and one that resizes windows."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.bands import Bands
from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model beside what it predicts.

    Attributes:
        legend: its classes, with the colours of maps.
        decision: how the class follows from the probabilities; None for the most probable class.
        window: (height, width) in pixels that it is best asked for.
        fill: a value of each band that means nothing to it, for pixels that hold nothing.
        gsd: metres per pixel that it was trained at; None where unknown.
        gsd_range: metres per pixel, finest and coarsest, of the images that it was trained on. Where it is known and
            nothing else is asked for, every raster is shown at ``gsd``.
        record: what decides its predictions, for the tags of maps: files, their sha256, settings.
        bands: what it is shown of a raster, and the rule of its values.
    """

    legend: Classes
    decision: Threshold | None = None
    window: tuple[int, int] = (512, 512)
    fill: tuple[int, ...] = (0, 0, 0)
    gsd: float | None = None
    gsd_range: tuple[float, float] | None = None
    record: dict[str, str] = field(default_factory=dict)
    bands: Bands = field(default_factory=Bands)


class MapModel(Protocol):
    """Predicts batches of windows. What it returns for a window depends on that window only."""

    @property
    def facts(self) -> ModelFacts:
        """Return what is known about it."""
        ...

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes, H, W), of images of its bands, uint8 (N, H, W, bands)."""
        ...


class ResampledModel:
    """A model that sees every window enlarged or shrunk; its probabilities are brought back to the window.

    Args:
        model: predicts the resized windows.
        factors: by which height and width are multiplied for it.
    """

    def __init__(self, model: MapModel, *, factors: tuple[float, float]) -> None:
        self._model = model
        self.factors = factors

    @property
    def facts(self) -> ModelFacts:
        """Return those of the model."""
        return self._model.facts

    def seen(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) in which the model sees windows of a (height, width)."""
        return max(1, round(size[0] * self.factors[0])), max(1, round(size[1] * self.factors[1]))

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes, H, W), of images of its bands, uint8 (N, H, W, bands)."""
        size = images.shape[1], images.shape[2]
        seen = self.seen(size)
        if seen == size:
            return self._model.predict(images)
        probabilities = self._model.predict(np.stack([_resized(image, seen) for image in images]))
        return np.stack([np.stack([_resized(band, size) for band in one]) for one in probabilities])


def _resized(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return the image or plane in another (height, width): means of areas to shrink, bilinear to enlarge."""
    for axis in (0, 1):  # one after the other: an axis may shrink while the other grows
        if size[axis] == plane.shape[axis]:
            continue
        target = (size[0], plane.shape[1]) if axis == 0 else (plane.shape[0], size[1])
        method = cv2.INTER_AREA if size[axis] < plane.shape[axis] else cv2.INTER_LINEAR
        # OpenCV wants the width first, and knows area means only where no axis grows.
        if method == cv2.INTER_AREA and plane.shape[2:] > (4,):  # it takes no more channels at a time
            parts = [cv2.resize(part, target[::-1], interpolation=method) for part in cv2.split(plane)]
            plane = cv2.merge(parts)
        else:
            shape = (*target, *plane.shape[2:])  # of a single channel OpenCV drops the axis
            plane = cv2.resize(plane, target[::-1], interpolation=method).reshape(shape)
    return plane
