"""What the engine asks of a model: probabilities of windows, and a few facts; nothing about networks."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model beside what it predicts.

    Attributes:
        legend: its classes, with the colours of maps.
        decision: how the class follows from the probabilities; None for the most probable class.
        window: (height, width) in pixels that it is best asked for.
        fill: red, green, blue that mean nothing to it, for pixels that hold nothing.
        gsd: metres per pixel that it was trained at; None where unknown.
        record: what decides its predictions, for the tags of maps: files, their sha256, settings.
    """

    legend: Classes
    decision: Threshold | None = None
    window: tuple[int, int] = (512, 512)
    fill: tuple[int, int, int] = (0, 0, 0)
    gsd: float | None = None
    record: dict[str, str] = field(default_factory=dict)


class MapModel(Protocol):
    """Predicts batches of windows. What it returns for a window depends on that window only."""

    @property
    def facts(self) -> ModelFacts:
        """Return what is known about it."""
        ...

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities, float32 (N, classes, H, W), of RGB images, uint8 (N, H, W, 3)."""
        ...
