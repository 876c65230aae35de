"""Lets a model see windows at the ground sampling distance that it was trained at."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.inference.model import MapModel, ModelFacts


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

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes, H, W), of RGB images, uint8 (N, H, W, 3)."""
        size = images.shape[1], images.shape[2]
        seen = seen_size(size, self.factors)
        if seen == size:
            return self._model.predict(images)
        probabilities = self._model.predict(np.stack([_resized(image, seen) for image in images]))
        return np.stack([np.stack([_resized(band, size) for band in one]) for one in probabilities])


def seen_size(size: tuple[int, int], factors: tuple[float, float]) -> tuple[int, int]:
    """Return the (height, width) that a window of ``size`` has for the model, at least 1."""
    return max(1, round(size[0] * factors[0])), max(1, round(size[1] * factors[1]))


def _resized(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return the image or plane in another (height, width): means of areas to shrink, bilinear to enlarge."""
    for axis in (0, 1):  # one after the other: an axis may shrink while the other grows
        if size[axis] == plane.shape[axis]:
            continue
        target = (size[0], plane.shape[1]) if axis == 0 else (plane.shape[0], size[1])
        method = cv2.INTER_AREA if size[axis] < plane.shape[axis] else cv2.INTER_LINEAR
        plane = cv2.resize(plane, target[::-1], interpolation=method)
    return plane
