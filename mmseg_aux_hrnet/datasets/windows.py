"""Cuts a window out of a scaled image without scaling the rest of it."""

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# What OpenCV's warp of a pixel costs in pixels of its resize: below, scaling everything and cutting is the faster way.
WARP_COST = 1.2
LARGEST_WARPED_SIDE = 2**15 - 1  # pixels; OpenCV's warp addresses them by signed numbers of 16 bits
PROBE_SIDE, PROBE_SCALE = 32, 1.7  # so scaled, hardly a sample lies on a 32nd of a pixel


class Window(NamedTuple):
    """A rectangle of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def nearest_window(label: NDArray[Any], *, scaled: tuple[int, int], window: Window) -> NDArray[Any]:
    """Return ``window`` of ``label``, (H, W), as OpenCV scales it to ``scaled``, (height, width), by nearest pixels.

    Equal to ``cv2.resize(..., interpolation=cv2.INTER_NEAREST)`` followed by cutting.
    """
    if label.shape == scaled:
        return label[window.slices]
    rows = _nearest(label.shape[0], scaled=scaled[0], first=window.top, count=window.height)
    columns = _nearest(label.shape[1], scaled=scaled[1], first=window.left, count=window.width)
    shrinks = scaled[0] < label.shape[0]
    part: NDArray[Any] = label.take(rows, axis=0) if shrinks else label[rows[0] : rows[-1] + 1]
    # Rows are copied faster than single pixels are gathered, and the transpose makes rows of columns.
    turned: NDArray[Any] = cv2.transpose(part[:, columns[0] : columns[-1] + 1])
    part = cv2.transpose(turned.take(columns - columns[0], axis=0, mode='clip'))
    return part if shrinks else part.take(rows - rows[0], axis=0, mode='clip')


def _nearest(side: int, *, scaled: int, first: int, count: int) -> NDArray[np.intp]:
    """Return along one axis the pixel that each of ``count`` scaled pixels takes its value from."""
    step = 1 / (scaled / side)  # not side / scaled, which differs in the last bit: this is how OpenCV comes to it
    nearest: NDArray[np.intp] = np.minimum(np.arange(first, first + count) * step, side - 1).astype(np.intp)
    return nearest


def bilinear_window(image: NDArray[Any], *, scaled: tuple[int, int], window: Window) -> NDArray[Any]:
    """Return ``window`` of ``image``, (H, W, C), as OpenCV scales it to ``scaled``, (height, width), bilinearly.

    Equal to ``cv2.resize`` followed by cutting, except for one of 255 levels where only the window is computed: that is
    the faster way for 8-bit images of three or four channels, several times larger than the window, where OpenCV's warp
    is exact enough (from version 5 on). Else all of the image is scaled. The result may be a view of ``image``.
    """
    if image.shape[:2] == scaled:
        return image[window.slices]
    saves_time = scaled[0] * scaled[1] > WARP_COST * window.height * window.width
    # How near the warp comes to the resize was measured on 8-bit images, which it takes in four channels.
    possible = image.dtype == np.uint8 and image.shape[2:] in ((3,), (4,)) and max(image.shape) <= LARGEST_WARPED_SIDE
    if saves_time and possible and warp_is_exact():
        return _warped(image, scaled=scaled, window=window)
    return cv2.resize(image, scaled[::-1])[window.slices]


@cache
def warp_is_exact() -> bool:
    """Return whether OpenCV's warp gives the values of its resize; before version 5 it rounds positions to 1/32 pixel.

    Looked up once, on steps from black to white, where wrong positions show most.
    """
    image = np.random.default_rng(0).integers(0, 2, (PROBE_SIDE, PROBE_SIDE, 3), np.uint8) * 255
    side = round(PROBE_SIDE * PROBE_SCALE)
    everything = Window(0, 0, side, side)
    difference = cv2.absdiff(cv2.resize(image, (side, side)), _warped(image, scaled=(side, side), window=everything))
    return bool(difference.max() <= 1)


def _warped(image: NDArray[Any], *, scaled: tuple[int, int], window: Window) -> NDArray[Any]:
    height, width = image.shape[:2]
    top, bottom, y_step, y_start = _sources(height, scaled=scaled[0], first=window.top, count=window.height)
    left, right, x_step, x_start = _sources(width, scaled=scaled[1], first=window.left, count=window.width)
    to_source = np.array([[x_step, 0, x_start], [0, y_step, y_start]])
    part, is_rgb = image[top:bottom, left:right], image.shape[2] == 3
    warped = cv2.warpAffine(
        cv2.cvtColor(part, cv2.COLOR_BGR2BGRA) if is_rgb else part,  # four channels are warped faster than three
        to_source,
        (window.width, window.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR) if is_rgb else warped


def _sources(side: int, *, scaled: int, first: int, count: int) -> tuple[int, int, float, float]:
    """Return along one axis the pixels that are needed, the step between samples, and where the first sample lies.

    Samples lie at the centres of pixels, as in ``cv2.resize``: that of pixel x at (x + 0.5) * step - 0.5.
    """
    step = side / scaled
    start = (first + 0.5) * step - 0.5
    low = max(int(np.floor(start)), 0)
    high = min(int(np.floor(start + (count - 1) * step)) + 2, side)
    return low, high, step, start - low
