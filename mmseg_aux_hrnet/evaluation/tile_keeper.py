"""Keeps small label maps of every image while testing, so that a report can show the important ones."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from numpy.typing import NDArray

from mmseg_aux_hrnet.evaluation.image_result import index_map

ClassMap = NDArray[np.uint8]

MOST_SIDE = 512  # pixels of the longer side of a map that is kept


def pack_map(classes: NDArray[np.integer[Any]]) -> bytes:
    """Return a map of classes 0..255, integer (H, W), shrunk to ``MOST_SIDE``, in a few kilobytes."""
    small = shrink_map(classes.astype(np.uint8), MOST_SIDE)
    # Level 1: higher ones take twice as long and more, and save a quarter.
    return np.array(small.shape, np.int32).tobytes() + zlib.compress(small.tobytes(), 1)


def unpack_map(packed: bytes) -> ClassMap:
    """Return the map that :func:`pack_map` packed, uint8 (height, width)."""
    height, width = np.frombuffer(packed, np.int32, 2).tolist()
    return np.frombuffer(zlib.decompress(packed[8:]), np.uint8).reshape(height, width)


@METRICS.register_module()
class TileKeeper(BaseMetric):
    """Keep label and prediction of every image, shrunk and packed; measure nothing.

    A report shows the worst, the median and the best images, and which those are is known only at the end. So the maps
    of all are kept, a few kilobytes each; the images themselves are read again, only those that are shown.

    Args:
        collect_device: how results of several processes are gathered: ``gpu`` sends them, between CPUs too; ``cpu``
            writes files below the current directory, which all machines must share.

    Attributes:
        kept: after the test, the packed label and prediction of each image by its path, in the first process; empty
            before.
    """

    default_prefix = ''  # None would log a warning that means nothing to a user

    def __init__(self, *, collect_device: str = 'gpu') -> None:
        super().__init__(collect_device=collect_device)
        self.kept: dict[str, tuple[bytes, bytes]] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the maps of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``img_path``, and ``pred_sem_seg['data']`` and
                ``gt_sem_seg['data']``, both tensors (1, H, W) or (H, W) of class indices 0..255; one without a path
                is left out.
        """
        for sample in data_samples:
            if not sample.get('img_path'):
                continue  # nothing to find its maps by again
            label = pack_map(index_map(sample['gt_sem_seg']['data'], name='label'))
            prediction = pack_map(index_map(sample['pred_sem_seg']['data'], name='prediction'))
            self.results.append((str(sample['img_path']), label, prediction))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Take over what all processes kept; there is nothing to measure.

        Args:
            results: path, label and prediction of every image.
        """
        self.kept = {path: (label, prediction) for path, label, prediction in results}
        return {}


def shrink_map(classes: ClassMap, side: int) -> ClassMap:
    """Return the map, uint8 (H, W), with its longer side at most ``side`` pixels: of each cell the centre's class."""
    height, width = shrunk_size(classes.shape, side)
    if (height, width) == classes.shape:
        return classes
    rows = (2 * np.arange(height) + 1) * classes.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * classes.shape[1] // (2 * width)
    return classes[np.ix_(rows, columns)]


def shrunk_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return (height, width) of something whose longer side is brought down to ``side`` pixels, where it is longer."""
    height, width = shape[:2]
    longer = max(height, width)
    if longer <= side:
        return height, width
    return max(1, round(height * side / longer)), max(1, round(width * side / longer))
