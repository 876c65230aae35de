"""Test-time augmentation: the mean of the probabilities of mirrored, turned or resized images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from mmseg_aux_hrnet.errors import ConfigError


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


def views_of(tta: str) -> tuple[View, ...]:
    """Return the views of an augmentation.

    Raises:
        ConfigError: there is none of this name.
    """
    if tta not in VIEWS:
        raise ConfigError(f'tta {tta!r} is unknown: give one of {", ".join(VIEWS)}')
    return VIEWS[tta]


def mean_over_views(predict: Callable[[Tensor], Tensor], images: Tensor, views: Sequence[View]) -> Tensor:
    """Return the mean of the probabilities of all views, each brought back to the images, float32 (N, classes, H, W).

    Args:
        predict: images (N, 3, H, W) to probabilities (N, classes, H, W).
        images: uint8 (N, 3, H, W).
        views: at least one.
    """
    size = images.shape[2], images.shape[3]
    total = _back(predict(_seen(images, views[0])), views[0], size)
    for view in views[1:]:
        total = total + _back(predict(_seen(images, view)), view, size)
    return total / len(views)


def _seen(images: Tensor, view: View) -> Tensor:
    if view.mirrored:
        images = images.flip(3)
    if view.turns:
        images = images.rot90(view.turns, dims=(2, 3))
    if view.scale == 1:
        return images
    height, width = (max(1, round(side * view.scale)) for side in images.shape[2:])
    return functional.interpolate(images.float(), (height, width), mode='bilinear', antialias=True).clamp(0, 255)


def _back(probabilities: Tensor, view: View, size: tuple[int, int]) -> Tensor:
    if view.scale != 1:
        probabilities = functional.interpolate(probabilities, size, mode='bilinear', antialias=True)
    if view.turns:
        probabilities = probabilities.rot90(-view.turns, dims=(2, 3))
    return probabilities.flip(3) if view.mirrored else probabilities
