"""Copies connected pieces of one class from another tile onto a sample."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmseg.registry import TRANSFORMS
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.listed_dataset import DONOR_KEY
from mmseg_aux_hrnet.errors import ConfigError, DataError

DRY_DRAWS = (
    1000  # tiles in a row without the class, after which it is taken as missing; at 1 % of tiles with it, 1 in 23,000
)


@TRANSFORMS.register_module()
class CopyPaste(BaseTransform):
    """Paste connected pieces of a class, with their label, where they lie in a window of another tile.

    A class that is rare, or seen on one kind of ground only, is so seen on more. The data set draws the other tile, by
    the numbers of the sample, so that a seed gives the same pieces with any number of workers and after a resume.
    Follows Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation" (CVPR
    2021), with components in place of instances, and without blending of edges.

    Put it behind ``RandomScaledCrop`` and before changes of colour. It costs the loading of a second tile for
    ``prob`` of the samples.

    Required keys: ``img`` (H, W, C), ``gt_seg_map`` (H, W), and the donor, which
    :class:`~mmseg_aux_hrnet.datasets.listed_dataset.ListedDataset` gives. Modified keys: ``img``, ``gt_seg_map``.
    Added key: ``pasted``, how many pieces.

    Args:
        transforms: what makes a window of the donor: loading of image and label, then ``RandomScaledCrop``.
        class_index: the class whose pieces are pasted.
        prob: share of the samples that get pieces.
        most: pieces at most; from 1 to that many are drawn.
        largest: share of the window above which a piece is left out: it would hide the sample.

    Raises (when built):
        ConfigError: a number is out of its range.

    Raises (on call):
        DataError: a thousand donors in a row hold nothing of the class, or the sample is not from a ``ListedDataset``.
    """

    needs_donor = True

    def __init__(
        self,
        *,
        transforms: Sequence[dict[str, Any]],
        class_index: int = 1,
        prob: float = 0.5,
        most: int = 5,
        largest: float = 0.25,
    ) -> None:
        super().__init__()
        if not 0 <= prob <= 1 or not 0 < largest <= 1:
            raise ConfigError(f'prob={prob!r}, largest={largest!r}: give shares from 0 to 1')
        if most < 1 or class_index < 0:
            raise ConfigError(f'most={most!r}, class_index={class_index!r}: give at least 1 piece of a class from 0')
        self.donor = Compose(transforms)
        self.class_index, self.prob, self.most, self.largest = class_index, prob, most, largest
        self._dry = 0

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw whether, and which pieces; paste them."""
        donor = results.pop(DONOR_KEY, None)
        if donor is None:
            raise DataError('CopyPaste needs a second tile, which only data sets derived from ListedDataset give')
        if np.random.random_sample() >= self.prob:
            return results
        window = self.donor(donor)
        pieces = components(window['gt_seg_map'] == self.class_index, largest=self.largest)
        self._dry = 0 if pieces else self._dry + 1
        if self._dry >= DRY_DRAWS:
            raise DataError(
                f'CopyPaste: {DRY_DRAWS} windows in a row hold no piece of class {self.class_index}: give class_index '
                'of a class that the labels hold, a larger `largest`, or leave the transform out'
            )
        count = min(len(pieces), np.random.randint(1, self.most + 1))
        chosen = np.random.permutation(len(pieces))[:count]
        height, width = (min(pair) for pair in zip(results['img'].shape[:2], window['img'].shape[:2], strict=True))
        image, label = results['img'].copy(), results['gt_seg_map'].copy()
        for piece in chosen:
            place = pieces[piece][:height, :width]
            image[:height, :width][place] = window['img'][:height, :width][place]
            label[:height, :width][place] = self.class_index
        results.update(img=image, gt_seg_map=label, pasted=count)
        return results


def components(mask: NDArray[np.bool_], *, largest: float) -> list[NDArray[np.bool_]]:
    """Return the connected pieces of a mask, diagonals included, but for those above a share of all pixels.

    Args:
        mask: (H, W).
        largest: share of the pixels of the mask, 0..1.

    Returns:
        A mask (H, W) a piece, in the order in which rows meet them.
    """
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    return [numbers == number for number in range(1, count) if sizes[number] <= largest * mask.size]
