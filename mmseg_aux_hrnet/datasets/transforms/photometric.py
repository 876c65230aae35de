"""Distorts brightness, contrast, saturation and hue without images in floating point."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS
from numpy.typing import NDArray

from mmseg_aux_hrnet.errors import DataError

Pixels = NDArray[Any]  # uint8
HUE, SATURATION = 0, 1  # channels of OpenCV's HSV images
HUES = 180  # values of OpenCV's 8-bit hue, of two degrees each
ALL_VALUES = np.arange(256, dtype=np.uint8)
CUT_NOT_ROUNDED = -0.4999  # makes rounding to the nearest of nearly every value a cut to the lower one
MIDDLE = 128  # a value that no shift in brightness reaches the end of the range from


@TRANSFORMS.register_module()
class TablePhotoMetricDistortion(PhotoMetricDistortion):
    """mmseg's ``PhotoMetricDistortion`` for 8-bit images: the same random numbers, the same result bit by bit, faster.

    A channel's new value depends on its old one only. So mmseg's formula is applied to the 256 values that there are,
    and the image goes through whatever of OpenCV is fast and gives these 256 results; a table always does.

    Required keys: ``img``, uint8 (H, W, 3) in the order blue, green, red. Modified keys: ``img``, a new array or the
    same, never changed in place.

    Args:
        **kwargs: as in mmseg.

    Raises (on call):
        DataError: the image is not of 8 bits.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Distort the image."""
        if results['img'].dtype != np.uint8:
            raise DataError(f'images of {results["img"].dtype} are not distorted here: load them without to_float32')
        return dict(super().transform(results))

    def convert(self, img: Pixels, alpha: float = 1, beta: float = 0) -> Pixels:
        """Return ``img * alpha + beta``, cut to whole numbers of 0..255."""
        table = super().convert(ALL_VALUES, alpha, beta)
        shift = int(table[MIDDLE]) - MIDDLE
        for way in (lambda values: _shifted(values, shift), lambda values: _scaled(values, alpha)):
            if (way(ALL_VALUES) == table).all():
                return way(img)
        return _looked_up(img, table)

    def saturation(self, img: Pixels) -> Pixels:
        """Return ``img`` with its saturation scaled, or as it is."""
        if not np.random.randint(2):
            return img
        factor = np.random.uniform(self.saturation_lower, self.saturation_upper)
        return _with_channel(img, SATURATION, lambda values: self.convert(values, alpha=factor))

    def hue(self, img: Pixels) -> Pixels:
        """Return ``img`` with its hue shifted, or as it is."""
        if not np.random.randint(2):
            return img
        table = (np.arange(256) + np.random.randint(-self.hue_delta, self.hue_delta)) % HUES
        return _with_channel(img, HUE, lambda values: _looked_up(values, table.astype(np.uint8)))


def _looked_up(values: Pixels, table: Pixels) -> Pixels:
    return cv2.LUT(values, table)


def _shifted(values: Pixels, shift: int) -> Pixels:
    new: Pixels = cv2.add(values, (shift, shift, shift, 0))  # type: ignore[call-overload]
    return new.reshape(values.shape)


def _scaled(values: Pixels, factor: float) -> Pixels:
    return cv2.convertScaleAbs(values, alpha=factor, beta=CUT_NOT_ROUNDED).reshape(values.shape)


def _with_channel(img: Pixels, channel: int, change: Callable[[Pixels], Pixels]) -> Pixels:
    """Return ``img`` with one channel of its hue, saturation and value changed."""
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
    planes: list[Pixels] = list(np.empty((3, *img.shape[:2]), np.uint8))
    planes = list(cv2.split(hsv, planes))
    planes[channel] = change(planes[channel])
    return cv2.cvtColor(cv2.merge(planes, dst=hsv), cv2.COLOR_HSV2BGR, dst=hsv)
