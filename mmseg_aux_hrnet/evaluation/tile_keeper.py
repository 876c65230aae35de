"""Keeps small label maps of every image while testing, so that a report can show those that turn out to matter."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from numpy.typing import NDArray

from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.errors import DataError, ImageError
from mmseg_aux_hrnet.evaluation.index_map import index_map
from mmseg_aux_hrnet.report.choice import choose_images, tile_scores
from mmseg_aux_hrnet.report.tiles import Tile, shrink_image, shrink_map

ClassMap = NDArray[np.uint8]


class PackedMap(NamedTuple):
    """A class map, uint8, packed to a few kilobytes."""

    shape: tuple[int, int]
    data: bytes

    @classmethod
    def of(cls, classes: NDArray[np.integer[Any]]) -> 'PackedMap':
        """Pack a map of classes 0..255, (H, W), shrunk to the most that a report shows."""
        small = shrink_map(classes.astype(np.uint8))
        return cls((small.shape[0], small.shape[1]), zlib.compress(small.tobytes(), 1))

    def unpack(self) -> ClassMap:
        """Return the map, uint8 (h, w)."""
        return np.frombuffer(zlib.decompress(self.data), np.uint8).reshape(self.shape)


@METRICS.register_module()
class TileKeeper(BaseMetric):
    """Keep label and prediction of every image, shrunk and packed; measure nothing.

    A report shows the worst, the median and the best images, and which those are is known only at the end. So the maps
    of all are kept, a few kilobytes each, and only the chosen images are read again by :func:`kept_tiles`.

    Args:
        collect_device: how results of several processes are gathered: ``gpu`` sends them, between CPUs too; ``cpu``
            writes files below the current directory, which all machines must share.

    Attributes:
        kept: after the test, label and prediction by the path of the image; only in process 0.
    """

    default_prefix = ''  # None would log a warning that means nothing to a user

    def __init__(self, *, collect_device: str = 'gpu') -> None:
        super().__init__(collect_device=collect_device)
        self.kept: dict[str, tuple[PackedMap, PackedMap]] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the maps of a batch.

        Args:
            data_batch: not used.
            data_samples: one dict per image, with ``pred_sem_seg['data']`` and ``gt_sem_seg['data']``, both tensors
                (1, H, W) or (H, W) of class indices 0..255, and ``img_path``.
        """
        for sample in data_samples:
            label = PackedMap.of(index_map(sample['gt_sem_seg']['data'], name='label'))
            prediction = PackedMap.of(index_map(sample['pred_sem_seg']['data'], name='prediction'))
            self.results.append((str(sample['img_path']), label, prediction))

    def compute_metrics(self, results: list[tuple[str, PackedMap, PackedMap]]) -> dict[str, float]:
        """Take over what all processes kept; there is nothing to measure.

        Args:
            results: path, label and prediction of every image.
        """
        self.kept = {path: (label, prediction) for path, label, prediction in results}
        return {}


def kept_tiles(kept: Mapping[str, tuple[PackedMap, PackedMap]], metrics: Mapping[str, Any]) -> dict[int, Tile]:
    """Return the tiles that a report shows, by their place in the metrics' list of images.

    Args:
        kept: label and prediction by the path of the image, of :class:`TileKeeper`.
        metrics: content of ``metrics.json``.

    Raises:
        DataError: the maps of an image were not kept.
    """
    images = metrics['images']
    return {choice.index: _tile(kept, images[choice.index]) for choice in choose_images(tile_scores(metrics))}


def _tile(kept: Mapping[str, tuple[PackedMap, PackedMap]], record: Mapping[str, Any]) -> Tile:
    if record['image'] not in kept:
        raise DataError(f'{record["image"]} was measured, but its maps were not kept for the report')
    label, prediction = (part.unpack() for part in kept[record['image']])
    try:
        image = shrink_image(read_rgb(record['image']))
    except ImageError:
        image = None  # the model's own loader reads more kinds of files than a browser shows; the page says so
    return Tile(record['name'], image, label, prediction)
