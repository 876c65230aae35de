"""Distorts brightness, contrast, saturation and hue without images in floating point."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS
from numpy.typing import NDArray

from mmseg_aux_hrnet.bands import RGB
from mmseg_aux_hrnet.errors import ConfigError, DataError

Pixels = NDArray[Any]  # uint8
BGR = RGB[::-1]
HUES = 180  # values of OpenCV's 8-bit hue, of two degrees each
ALL_VALUES = np.arange(256, dtype=np.uint8)
MIDDLE = 128  # a value that no usual shift in brightness takes to an end of the range
CUT = -0.4999  # added before rounding to the nearest, makes it a cut to the lower number
MARGIN = 5e-5  # of products below 256 in single precision, in any order of rounding


@TRANSFORMS.register_module()
class TablePhotoMetricDistortion(PhotoMetricDistortion):
    """mmseg's ``PhotoMetricDistortion`` for 8-bit images: the same random numbers, equal results to rounding, faster.

    A channel's new value depends on its old one only. So mmseg's formula is applied to the 256 values that there are,
    and the image is looked up, or goes through a faster function of OpenCV that gives the same.

    Brightness, contrast, saturation and hue alone are those of mmseg bit by bit. Saturation and hue of one sample share
    a conversion to HSV and back, where mmseg makes two: one value of five is then another one, by 1 of 255, and one
    of 500 by 2 or 3.

    Of an image with other bands, brightness and contrast change in each band, all by the same draw, so that ratios of
    bands stay what they were. Saturation and hue are those of red, green and blue, where the image has all three; the
    other bands keep their values. The draws are the same for any bands.

    Required keys: ``img``, uint8 (H, W, channels): blue, green, red unless ``bands`` names them. Optional keys:
    ``bands``. Modified keys: ``img``, a new array or the same, never changed in place.

    Args:
        **kwargs: as in mmseg.

    Raises (on call):
        DataError: the image is not of 8 bits.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Distort the image; the draws and their order are mmseg's."""
        image = results['img']
        if image.dtype != np.uint8:
            raise DataError(f'images of {image.dtype} are not distorted here: load them without to_float32')
        image = self.brightness(image)
        contrast_first = np.random.randint(2)
        if contrast_first:
            image = self.contrast(image)
        image = self._saturation_and_hue(image, results.get('bands', BGR))
        if not contrast_first:
            image = self.contrast(image)
        results['img'] = image
        return results

    def convert(self, img: Pixels, alpha: float = 1, beta: float = 0) -> Pixels:
        """Return ``img * alpha + beta``, cut to whole numbers of 0..255."""
        table = super().convert(ALL_VALUES, alpha, beta)
        shift = int(table[MIDDLE]) - MIDDLE
        if alpha == 1 and (table == np.arange(shift, 256 + shift).clip(0, 255)).all():
            # One number is not enough: OpenCV would add it to the first channel. Nor does it take more than four.
            flat = img if img.shape[2:] == (3,) else img.reshape(img.shape[0], -1)
            return cv2.add(flat, (shift, shift, shift, 0)).reshape(img.shape)  # type: ignore[call-overload, no-any-return]
        if beta == 0:
            exact = ALL_VALUES * alpha + CUT
            inside = exact[exact < 256]
            # OpenCV computes in single precision: near a half, it may come to the other number than mmseg does.
            safe = (np.abs(inside - np.floor(inside) - 0.5) > MARGIN).all()
            if safe and (np.rint(exact).clip(0, 255) == table).all():
                return cv2.convertScaleAbs(img, alpha=alpha, beta=CUT).reshape(img.shape)
        return cv2.LUT(img, table).reshape(img.shape)

    def _saturation_and_hue(self, img: Pixels, bands: Sequence[str] = BGR) -> Pixels:
        """Return ``img`` with its saturation scaled, its hue shifted, both, or as it is."""
        factor = np.random.uniform(self.saturation_lower, self.saturation_upper) if np.random.randint(2) else None
        hued = np.random.randint(2) and self.hue_delta  # mmseg fails at a range of 0
        shift = np.random.randint(-self.hue_delta, self.hue_delta) if hued else None
        if (factor is None and shift is None) or not set(BGR) <= set(bands):
            return img
        if tuple(bands) == BGR:
            return self._recoloured(img, factor, shift)
        places = [list(bands).index(name) for name in BGR]
        out: Pixels = img.copy()
        out[..., places] = self._recoloured(np.ascontiguousarray(img[..., places]), factor, shift)
        return out

    def _recoloured(self, img: Pixels, factor: float | None, shift: int | None) -> Pixels:
        """Return ``img``, (H, W, 3) in blue, green, red, with its saturation scaled or its hue shifted, or both."""
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        planes = list(np.empty((3, *img.shape[:2]), np.uint8))
        hue, saturation, value = cv2.split(hsv, planes)  # into memory that is there is faster
        if factor is not None:
            saturation = self.convert(saturation, alpha=factor)
        if shift is not None:
            hue = cv2.LUT(hue, ((np.arange(256) + shift) % HUES).astype(np.uint8))
        return cv2.cvtColor(cv2.merge((hue, saturation, value), dst=hsv), cv2.COLOR_HSV2BGR, dst=hsv)


@TRANSFORMS.register_module()
class RandomBrightnessShift(BaseTransform):
    """Add one whole number to all values of every second image, as the official HRNet code does.

    Required keys: ``img``, uint8 (H, W, channels). Modified keys: ``img``, a new array or the same, never changed in
    place.

    Args:
        shift: the number is drawn evenly from ``-shift`` to ``shift``; values are cut to 0..255.

    Raises (when built):
        ConfigError: ``shift`` is not a whole number from 0 to 255.
    """

    def __init__(self, shift: int) -> None:
        super().__init__()
        if not isinstance(shift, int) or not 0 <= shift <= 255:
            raise ConfigError(f'RandomBrightnessShift with shift={shift!r}: give a whole number from 0 to 255')
        self.shift = shift

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw whether to shift, then the number."""
        if np.random.random_sample() >= 0.5:
            drawn = np.random.randint(-self.shift, self.shift + 1)
            table = (ALL_VALUES.astype(np.int16) + drawn).clip(0, 255).astype(np.uint8)
            results['img'] = cv2.LUT(results['img'], table).reshape(results['img'].shape)
        return results
