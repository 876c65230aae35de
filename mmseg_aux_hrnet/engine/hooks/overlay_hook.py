"""Saves pictures of predictions while testing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS

from mmseg_aux_hrnet.bands import bands_in
from mmseg_aux_hrnet.datasets.band_images import read_picture
from mmseg_aux_hrnet.evaluation.confusion_metric import marked_classes
from mmseg_aux_hrnet.evaluation.image_result import index_map
from mmseg_aux_hrnet.files.names import OutputFiles
from mmseg_aux_hrnet.visualization import panels, save_picture, side_by_side


@HOOKS.register_module()
class OverlayHook(Hook):
    """Write one picture per test image: image, reference where there is one, prediction.

    Args:
        output_dir: folder for ``<stem>.png``, made where missing.
        show: three bands of the images, shown as red, green and blue, such as ``('nir', 'red', 'green')``; None for
            those where they are there.

    Raises:
        DataError: the folder cannot be made; while testing, an input or another image's picture would be overwritten.
    """

    def __init__(self, output_dir: str, show: Sequence[str] | None = None) -> None:
        self._files = OutputFiles(output_dir)
        self.show = show

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write the pictures of one batch."""
        metainfo = runner.test_dataloader.dataset.metainfo
        classes = marked_classes(runner.test_evaluator, metainfo)
        for sample in outputs:
            image = read_picture(sample.img_path, bands_in(metainfo), show=self.show)
            prediction = index_map(sample.pred_sem_seg.data, name='prediction').astype(np.uint8)
            label = None
            if 'gt_sem_seg' in sample:
                label = index_map(sample.gt_sem_seg.data, name='label').astype(np.uint8)
            picture = side_by_side(panels(image, prediction, label, classes=classes))
            target = self._files.target(sample.img_path, label_path=sample.get('seg_map_path'))
            save_picture(target, picture, durable=False)  # waiting for the disk at every image takes longer

    def after_test(self, runner: Any) -> None:
        """Say where the pictures are."""
        print_log(f'pictures: {self._files.folder}', logger='current')
