"""Draws a random part of a randomly scaled sample, and computes only that part."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.image import rescale_size
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.windows import Window, bilinear_window, nearest_window
from mmseg_aux_hrnet.errors import ConfigError, DataError

MAX_TRIES = 10  # of windows in which one class is too frequent, as in mmseg
COUNTED_BY_COMPARISON = 4  # classes; more are counted faster by a histogram
MOST_ROTATED = 4  # channels; of more, OpenCV rotates some numbers only
TURNS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)


@TRANSFORMS.register_module()
class RandomScaledCrop(BaseTransform):
    """Scale a sample at random, cut a random window out, and mirror and turn it at random.

    Does in one step, with the same random numbers, what mmcv and mmseg do in three, and so faster:
    ``RandomResize`` or ``RandomChoiceResize`` with ``keep_ratio=True``, then ``RandomCrop``, then horizontal
    ``RandomFlip``. Labels are equal to theirs; images too, except for one of 255 levels, see
    :func:`~mmseg_aux_hrnet.datasets.windows.bilinear_window`.

    Seen from above, north has no meaning: ``turns`` and ``flip_prob=0.5`` together draw the eight ways to lay down a
    tile evenly.

    Required keys: ``img``, (H, W, C); ``gt_seg_map`` where there is ``cat_max_ratio``. Modified keys: ``img``,
    ``img_shape`` and those of ``seg_fields``. Added keys: ``scale``, ``scale_factor``, ``keep_ratio``; ``scale_idx``
    with ``scales``; ``flip`` and ``flip_direction`` with ``flip_prob``; ``quarter_turns`` with ``turns``.

    Args:
        crop_size: (height, width) of the window in pixels; a scaled image that is smaller is kept whole.
        scale: (width, height) that images fit into at ratio 1; each image's own size where None.
        ratio_range: lowest and highest factor of ``scale``, drawn evenly.
        scales: sizes as ``scale``; one of them is drawn; in place of ``ratio_range``.
        cat_max_ratio: share of the pixels that are not ignored from which one class is too frequent; up to ten
            windows are tried for a lower one.
        ignore_index: value of ignored pixels.
        flip_prob: probability of a horizontal flip; None draws no number for it.
        turns: turn the window counter-clockwise by 0, 90, 180 or 270 degrees, each as often, after the flip.

    Raises (when built):
        ConfigError: a size, share or range is impossible, or not one of ``ratio_range`` and ``scales`` is given.

    Raises (on call):
        DataError: there is no label to measure ``cat_max_ratio`` on.
    """

    def __init__(
        self,
        *,
        crop_size: tuple[int, int],
        scale: tuple[int, int] | None = None,
        ratio_range: tuple[float, float] | None = None,
        scales: Sequence[tuple[int, int]] | None = None,
        cat_max_ratio: float = 1.0,
        ignore_index: int = 255,
        flip_prob: float | None = None,
        turns: bool = False,
    ) -> None:
        super().__init__()
        self.crop_size = _size(crop_size, 'crop_size')
        by_ratio = ratio_range is not None and scales is None
        by_choice = bool(scales) and scale is None and ratio_range is None
        if not (by_ratio or by_choice):
            raise ConfigError(
                'give ratio_range=(low, high), with or without scale=(width, height), or give scales=[(width, height)]'
            )
        if ratio_range is not None and (len(ratio_range) != 2 or not 0 < ratio_range[0] <= ratio_range[1]):
            raise ConfigError(f'ratio_range={ratio_range!r}: give two factors above 0, the lower one first')
        self.scale = None if scale is None else _size(scale, 'scale')
        self.ratio_range = ratio_range
        self.scales = [_size(size, 'scales') for size in scales or ()]
        self.cat_max_ratio = _share(cat_max_ratio, 'cat_max_ratio')
        self.ignore_index = ignore_index
        self.flip_prob = None if flip_prob is None else _share(flip_prob, 'flip_prob')
        self.turns = turns

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw and cut; the order of the draws is that of the three transforms."""
        image = results['img']
        height, width = image.shape[:2]
        if self.ratio_range is None:
            index = np.random.randint(len(self.scales))
            results.update(scale=self.scales[index], scale_idx=index)
        else:
            low, high = self.ratio_range
            ratio = np.random.random_sample() * (high - low) + low  # as mmcv draws it
            full_width, full_height = self.scale or (width, height)
            results['scale'] = (int(full_width * ratio), int(full_height * ratio))
        new_width, new_height = rescale_size((width, height), results['scale'])
        scaled = (new_height, new_width)
        if min(scaled) < 1:
            raise ConfigError(f'scale {results["scale"]} leaves nothing of {width}x{height} pixels: set a larger one')
        quarters = np.random.randint(4) if self.turns else 0
        # So that the window has the size of a crop once it is turned: a batch has one size.
        size = self.crop_size[::-1] if quarters % 2 else self.crop_size
        window, label = self._draw_window(results.get('gt_seg_map'), scaled=scaled, size=size)
        cuts = {'img': bilinear_window(image, scaled=scaled, window=window)}
        for key in results.get('seg_fields', []):
            known = label if key == 'gt_seg_map' else None
            cuts[key] = nearest_window(results[key], scaled=scaled, window=window) if known is None else known
        if self.flip_prob is not None:
            flip = np.random.random_sample() < self.flip_prob
            results.update(flip=flip, flip_direction='horizontal' if flip else None)
            if flip:
                cuts = {key: cv2.flip(values, 1) for key, values in cuts.items()}
        if quarters:
            cuts = {key: _turned(values, quarters) for key, values in cuts.items()}
        if self.turns:
            results['quarter_turns'] = quarters
        results.update(cuts)
        results['img_shape'] = cuts['img'].shape[:2]
        results['scale_factor'] = (new_width / width, new_height / height)
        results['keep_ratio'] = True
        return results

    def _draw_window(
        self, label: NDArray[Any] | None, *, scaled: tuple[int, int], size: tuple[int, int]
    ) -> tuple[Window, NDArray[Any] | None]:
        """Return a window, and the label in it where it was looked at."""
        if label is None and self.cat_max_ratio < 1:
            raise DataError('cat_max_ratio needs a label, and this sample has none: leave it out of the config')
        height, width = (min(pair) for pair in zip(scaled, size, strict=True))
        tries = MAX_TRIES if self.cat_max_ratio < 1 else 0
        while True:
            top = np.random.randint(0, scaled[0] - height + 1)
            left = np.random.randint(0, scaled[1] - width + 1)
            window = Window(top, left, height, width)
            if label is None or not tries:
                return window, None
            part = nearest_window(label, scaled=scaled, window=window)
            if is_mixed(part, limit=self.cat_max_ratio, ignore_index=self.ignore_index):
                return window, part
            tries -= 1


def _turned(values: NDArray[Any], quarters: int) -> NDArray[Any]:
    if values.ndim == 3 and values.shape[2] > MOST_ROTATED:
        return np.ascontiguousarray(np.rot90(values, quarters))
    return cv2.rotate(values, TURNS[quarters - 1])


def is_mixed(label: NDArray[Any], *, limit: float, ignore_index: int) -> bool:
    """Return whether ``label`` has two classes or more, and none has the share ``limit``; mmseg's rule.

    Args:
        label: classes, integers (H, W).
        limit: share of the pixels that are not ignored, 0..1.
        ignore_index: value of ignored pixels.
    """
    if label.dtype == np.uint8 and ignore_index > 1 and label.max() <= 1:  # the usual case: two classes, none ignored
        second = cv2.countNonZero(label)
        counts = [label.size - second, second]
    else:
        left, counts = label.size, []
        for value in range(COUNTED_BY_COMPARISON):
            if value != ignore_index and left:
                counts.append(int(np.count_nonzero(label == value)))
                left -= counts[-1]
        if left and left != np.count_nonzero(label == ignore_index):
            values, numbers = np.unique(label, return_counts=True)
            counts = numbers[values != ignore_index].tolist()
    present = [count for count in counts if count]
    return len(present) > 1 and bool(max(present) / sum(present) < limit)


def _size(value: Any, name: str) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not all(isinstance(n, int) and n > 0 for n in value):
        raise ConfigError(f'{name}={value!r} is not a size: give two whole numbers of pixels above 0')
    return int(value[0]), int(value[1])


def _share(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(f'{name}={value!r} is not a share: give a number from 0 to 1')
    return float(value)
